/** The first login on a mesh: however many log in at once, there is one first cnvm. */
import assert from 'node:assert/strict';
import { firstCnvm } from '../../src/cli/first-login.js';
import type { MeshNode } from './mesh-of-daemons.js';
import { eventually, NAME, testMesh } from './support.js';

const ORDER = { name: NAME, address: '10.100.101.111', image: 'base' };

async function logIn(node: MeshNode) {
  const said: string[] = [];
  const first = await node.ask((connection) => firstCnvm(connection, ORDER, (words) => void said.push(words)));
  return { ...first, said };
}

describe('the first login', () => {
  const mesh = testMesh(['node1', 'node2', 'node3']);

  it('on all nodes at once makes one cnvm, and every one is told of it', async () => {
    const all = await Promise.all(mesh().nodes.map(logIn));
    assert.equal(all.filter(({ made }) => made).length, 1);
    const owner = all.find(({ made }) => made)?.cnvm?.owner;
    for (const { cnvm } of all) {
      assert.equal(cnvm?.owner, owner);
      assert.equal(cnvm?.address, ORDER.address);
    }
    for (const node of mesh().nodes) await eventually('one is known', async () => (await node.list()).length === 1);
    const [again] = await Promise.all(mesh().nodes.slice(0, 1).map(logIn));
    assert.equal(again?.made, false);
    assert.deepEqual(again?.said, []);
  });

  it('makes none where the mesh has others', async () => {
    const [node1, node2] = mesh().nodes;
    assert.ok(node1 && node2);
    await node1.create('web');
    await eventually('it is known', async () => (await node2.list()).length === 1);
    const { cnvm, made } = await logIn(node2);
    assert.deepEqual({ cnvm, made }, { cnvm: undefined, made: false });
  });

  it('makes none while a node that may have it cannot be asked', async () => {
    const [node1, , node3] = mesh().nodes;
    assert.ok(node1 && node3);
    node3.crash();
    await assert.rejects(logIn(node1), /node3 cannot be asked/);
    assert.deepEqual(await node1.list(), []);
    await node3.begin();
    await eventually('it answers', async () => (await node1.states()).includes('node3 alive'), 30_000);
    await eventually('it can be made', async () =>
      logIn(node1).then(
        ({ made }) => made,
        () => false,
      ),
    );
  }).timeout(60_000);
});
