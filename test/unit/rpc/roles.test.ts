import assert from 'node:assert/strict';
import { callerOf, rolesFor } from '../../../src/rpc/roles.js';

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

  it('people do not speak for nodes, nor nodes for people', () => {
    assert.deepEqual(rolesFor('/cnvm.v1.CnvmService/CreateCnvm'), ['local', 'operator']);
    assert.deepEqual(rolesFor('/cnvm.peer.v1.HandOverService/HandOver'), ['node']);
    assert.deepEqual(rolesFor('/unknown.Service/Method'), []);
  });
});
