import assert from 'node:assert/strict';
import { callerOf, METHODS, type Role, rolesFor } from '../../../src/rpc/roles.js';
import { definedMethods } from '../../support/methods.js';

const ROLES: readonly Role[] = ['local', 'operator', 'reader', 'node', 'stranger', 'nobody'];
const OLDER_REFLECTION = '/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo';

/** What the table should say, found in another way: by what methods are called. */
function expected(path: string): readonly Role[] {
  if (path === '/cnvm.peer.v1.JoinService/Join') return ['stranger'];
  if (path.startsWith('/cnvm.peer.')) return ['node'];
  if (path.startsWith('/grpc.health.')) return ['local', 'operator', 'reader', 'node', 'nobody'];
  if (path.startsWith('/grpc.reflection.')) return ['local', 'operator', 'reader', 'node'];
  return /\/(List|Get|Watch)[A-Za-z]+$/.test(path) ? ['local', 'operator', 'reader'] : ['local', 'operator'];
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
