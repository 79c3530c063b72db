import assert from 'node:assert/strict';
import { behalfOf, callerBehind, callerOf, rolesFor } from '../../../src/rpc/roles.js';

describe('roles', () => {
  it('follow from the certificate alone', () => {
    assert.deepEqual(callerOf('URI:spiffe://cnvm/node/node1, DNS:node1'), { role: 'node', name: 'node1' });
    assert.deepEqual(callerOf('DNS:a, URI:spiffe://cnvm/operator/ann'), { role: 'operator', name: 'ann' });
    for (const wrong of [
      '',
      'DNS:node1',
      'URI:spiffe://other/node/node1',
      'DNS:spiffe://cnvm/node/x',
      'URI:spiffe://cnvm/root/x',
    ]) {
      assert.equal(callerOf(wrong).role, 'nobody', wrong);
    }
  });

  it('a node speaks for a person only about a cnvm, and only one that is named', () => {
    const node = { role: 'node', name: 'node3' } as const;
    const stop = '/cnvm.v1.CnvmService/StopCnvm';
    assert.deepEqual(callerBehind(node, stop, 'operator/ann'), { role: 'operator', name: 'ann through node3' });
    assert.equal(callerBehind(node, stop, behalfOf({ role: 'local', name: 'local' }))?.role, 'local');
    for (const path of [
      '/cnvm.v1.CnvmService/CreateCnvm',
      '/cnvm.v1.NodeService/LeaveMesh',
      '/cnvm.v1.MigrationService/ForceRecovery',
    ])
      assert.equal(callerBehind(node, path, 'operator/ann'), undefined, path);
    for (const words of ['', 'node/node1', 'nobody/x', 'operator/', 'operator/a b', 'operator/ann extra'])
      assert.equal(callerBehind(node, stop, words), undefined, words);
    for (const role of ['operator', 'nobody', 'local'] as const)
      assert.equal(callerBehind({ role, name: 'x' }, stop, 'operator/ann'), undefined, role);
  });

  it('people do not speak for nodes, nor nodes for people', () => {
    assert.deepEqual(rolesFor('/cnvm.v1.CnvmService/CreateCnvm'), ['local', 'operator']);
    assert.deepEqual(rolesFor('/cnvm.peer.v1.HandOverService/HandOver'), ['node']);
    assert.deepEqual(rolesFor('/unknown.Service/Method'), []);
  });
});
