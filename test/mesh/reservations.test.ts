/** Names and addresses by several real daemons: the same one is never given away twice, also at the same instant. */
import assert from 'node:assert/strict';
import { eventually, NAME, testMesh } from './support.js';

const FIRST = '10.100.101.111';

describe('cnvms made at the same instant', () => {
  const mesh = testMesh(['node1', 'node2', 'node3']);

  it('on three nodes have three addresses', async () => {
    const { nodes } = mesh();
    await Promise.all(nodes.flatMap((node) => [1, 2, 3].map((each) => node.create(`web${each}.${node.name}`))));
    for (const node of nodes)
      await eventually('all are known', async () => new Set((await node.list()).map(({ name }) => name)).size === 9);
    const addresses = (await nodes[0]?.list())?.map(({ address }) => address) ?? [];
    assert.equal(new Set(addresses).size, 9, addresses.join());
    assert.ok(addresses.includes(FIRST));
  });

  it('of one name are one', async () => {
    const { nodes } = mesh();
    const made = await Promise.allSettled(nodes.map((node) => node.create(NAME)));
    const well = made.filter(({ status }) => status === 'fulfilled');
    assert.equal(well.length, 1, JSON.stringify(made));
    for (const one of made) if (one.status === 'rejected') assert.match(String(one.reason), /the name .* is taken/);
    for (const node of nodes)
      await eventually('one is known', async () => (await node.list()).map(({ name }) => name).join() === NAME);
    // Nobody is kept from what was let go.
    await Promise.all(nodes.map((node) => node.create(`other.${node.name}`)));
  });

  it('a name is free again when it is removed, and when its cnvm could not be made', async () => {
    const [node1, node2] = mesh().nodes;
    assert.ok(node1 && node2);
    await node1.create(NAME, { address: FIRST });
    await assert.rejects(node2.create('other', { address: FIRST }), /is taken/);
    await node1.remove(NAME);
    await eventually('it is free', async () => (await node2.list()).length === 0);
    await eventually('it can be made', async () =>
      node2.create(NAME, { address: FIRST }).then(
        () => true,
        () => false,
      ),
    );
  });
});

describe('a mesh in two parts', () => {
  const mesh = testMesh(['node1', 'node2', 'node3']);

  it('gives no address away twice', async () => {
    const { nodes } = mesh();
    mesh().cut('node1', 'node2');
    mesh().cut('node1', 'node3');
    await Promise.all(nodes.map((node) => node.create(`web.${node.name}`)));
    mesh().heal('node1', 'node2');
    mesh().heal('node1', 'node3');
    for (const node of nodes) await eventually('all are known', async () => (await node.list()).length === 3, 30_000);
    const all = (await nodes[0]?.list()) ?? [];
    assert.equal(new Set(all.map(({ address }) => address)).size, 3, JSON.stringify(all));
    // Each of those who could not ask all chose from a part of its own.
    assert.equal(all.find(({ name }) => name === 'web.node1')?.address, '10.100.102.1');
  }).timeout(60_000);
});
