import assert from 'node:assert/strict';
import { behalfOf, callerBehind, callerOf, METHODS, type Role, rolesFor } from '../../../src/rpc/roles.js';
import { definedMethods } from '../../support/methods.js';

const ROLES: readonly Role[] = ['local', 'operator', 'reader', 'node', 'stranger', 'nobody'];
const OLDER_REFLECTION = '/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo';

/** What the table should say, found in another way: by what methods are called. */
function expected(path: string): readonly Role[] {
  if (path === '/cnvm.peer.v1.JoinService/Join') return ['stranger'];
  if (path.startsWith('/cnvm.peer.')) return ['node'];
  if (path.startsWith('/grpc.health.')) return ['local', 'operator', 'reader', 'node', 'nobody'];
  if (path.startsWith('/grpc.reflection.')) return ['local', 'operator', 'reader', 'node'];
  if (path === '/cnvm.v1.EvacuationService/Evacuate') return ['local', 'operator', 'node'];
  return /\/(List|Get|Watch)[A-Za-z]*$/.test(path) ? ['local', 'operator', 'reader'] : ['local', 'operator'];
}

describe('roles', () => {
  it('follow from the certificate alone', () => {
    assert.deepEqual(callerOf('URI:spiffe://cnvm/node/node1, DNS:node1'), { role: 'node', name: 'node1' });
    assert.deepEqual(callerOf('DNS:a, URI:spiffe://cnvm/operator/ann'), { role: 'operator', name: 'ann' });
    assert.deepEqual(callerOf('URI:spiffe://cnvm/reader/bob'), { role: 'reader', name: 'bob' });
    for (const wrong of [
      '',
      'DNS:node1',
      'URI:spiffe://other/node/node1',
      'DNS:spiffe://cnvm/node/x',
      'URI:spiffe://cnvm/root/x',
      'URI:spiffe://cnvm/authority/authority',
      'URI:spiffe://cnvm/local/x',
      'URI:spiffe://cnvm/stranger/x',
      'URI:spiffe://cnvm/node/a, URI:spiffe://cnvm/operator/b',
    ]) {
      assert.equal(callerOf(wrong).role, 'nobody', wrong);
    }
  });

  it('a node speaks for a person only about a cnvm, and only one that is named and may do it', () => {
    const node = { role: 'node', name: 'node3', serial: 'ab12' } as const;
    const stop = '/cnvm.v1.CnvmService/StopCnvm';
    const get = '/cnvm.v1.CnvmService/GetCnvm';
    assert.deepEqual(callerBehind(node, stop, 'operator/ann'), {
      role: 'operator',
      name: 'ann through node3',
      serial: 'ab12',
    });
    assert.equal(callerBehind(node, stop, behalfOf({ role: 'local', name: 'local' }))?.role, 'local');
    assert.equal(callerBehind(node, get, 'reader/rita')?.role, 'reader');
    assert.equal(callerBehind(node, stop, 'reader/rita'), undefined);
    for (const path of [
      '/cnvm.v1.CnvmService/CreateCnvm',
      '/cnvm.v1.NodeService/LeaveMesh',
      '/cnvm.v1.MigrationService/ForceRecovery',
      '/cnvm.v1.IdentityService/PublishRevocations',
      '/unknown.Service/Method',
    ])
      assert.equal(callerBehind(node, path, 'operator/ann'), undefined, path);
    for (const words of ['', 'node/node1', 'nobody/x', 'stranger/x', 'operator/', 'operator/a b', 'operator/ann extra'])
      assert.equal(callerBehind(node, stop, words), undefined, words);
    for (const role of ['operator', 'reader', 'stranger', 'nobody', 'local'] as const)
      assert.equal(callerBehind({ role, name: 'x' }, stop, 'operator/ann'), undefined, role);
  });

  it('are said of every method that there is, and of no other', () => {
    assert.deepEqual([...METHODS].sort(), [...definedMethods(), OLDER_REFLECTION].sort());
  });

  for (const path of [...definedMethods(), OLDER_REFLECTION]) {
    it(`may call ${path}: ${expected(path).join(', ')}, and nobody else`, () => {
      for (const role of ROLES) assert.equal(rolesFor(path).includes(role), expected(path).includes(role), role);
    });
  }

  it('open nothing that has no name there', () => {
    for (const path of ['/unknown.Service/Method', '', 'constructor', '__proto__', '/cnvm.v1.CnvmService/'])
      assert.deepEqual(rolesFor(path), [], path);
  });
});
