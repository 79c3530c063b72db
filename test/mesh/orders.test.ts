/** What people ask for at the wrong time, of the wrong node, or twice. */
import assert from 'node:assert/strict';
import type { Step } from './plan.js';
import { assertAtRest, eventually, NAME, ownerBy, ownName, testMesh } from './support.js';

describe('orders', () => {
  const mesh = testMesh(['node1', 'node2']);

  it('an address that was given twice, while the nodes could not hear each other, keeps the second out', async () => {
    const [node1, node2] = [mesh().node('node1'), mesh().node('node2')];
    mesh().cut('node1', 'node2');
    await node1.create('mine', { address: '10.100.101.111' });
    await node2.create('yours', { address: '10.100.101.111' });
    mesh().heal('node1', 'node2');
    await Promise.all(mesh().nodes.map((node) => node.hearsAll()));
    const ended = await node1.teleport('mine', 'node2');
    assert.equal(ended.outcome, 'refused');
    assert.match(ended.error, /the address 10\.100\.101\.111 is taken by yours on node2/);
    await eventually('nothing of it to be in the journal', () => node1.journal().length === 0);
    assert.equal(node1.host.stateOf('mine'), 'running');
    assert.equal(node2.host.stateOf('yours'), 'running');
  });

  it('so does a name, and the one that has it is not touched', async () => {
    const [node1, node2] = [mesh().node('node1'), mesh().node('node2')];
    mesh().cut('node1', 'node2');
    await node1.create(NAME, { address: '10.100.101.111' });
    await node2.create(NAME, { address: '10.100.101.112' });
    node2.host.remember(NAME, 'mine', 'kept');
    mesh().heal('node1', 'node2');
    await Promise.all(mesh().nodes.map((node) => node.hearsAll()));
    // News of anything is news of everything: both have heard of both.
    await node1.create('news');
    await eventually('the news', async () => (await ownerBy(node2, 'news')) === 'node1 at 1');
    // To another directory: the one in use must not be all that keeps it out.
    const moving = node1.teleport(NAME, 'node2', '', '/home/cnvm/sneakers/elsewhere');
    await assert.rejects(moving, /node2 claims it at epoch 1 too/);
    assert.equal(node2.host.recall(NAME, 'mine'), 'kept');
    assert.equal(node1.host.stateOf(NAME), 'running');
  });

  it('somebody’s directory where its own would be keeps it out, and stays', async () => {
    const [node1, node2] = [mesh().node('node1'), mesh().node('node2')];
    await node1.create(NAME);
    node2.host.occupy(NAME);
    const ended = await node1.teleport(NAME, 'node2');
    assert.equal(ended.outcome, 'refused', ended.error);
    assert.match(ended.error, /exists/);
    assert.equal(node2.host.filesOf(NAME)?.['mine'], 'dear to me');
    assert.equal(node1.host.stateOf(NAME), 'running');
  });

  it('of two who move it at once the second is told what is going on', async () => {
    const node1 = mesh().node('node1');
    await node1.create(NAME);
    const seed = node1.host.plan.hold('bulk.serveDisk');
    const first = node1.teleport(NAME, 'node2');
    await seed.reached;
    await assert.rejects(node1.teleport(NAME, 'node2'), /is being moved to node2/);
    await assert.rejects(node1.stopCnvm(NAME), /is being moved to node2/);
    seed.goOn();
    assert.equal((await first).outcome, 'succeeded');
    await assertAtRest(mesh(), NAME, 'node2', 2);
  });

  it('who asks the node that does not have it is answered by the one that has it', async () => {
    const [node1, node2] = [mesh().node('node1'), mesh().node('node2')];
    await node1.create(NAME);
    await eventually('node2 knows of it', async () => (await ownerBy(node2, NAME)) === 'node1 at 1');
    await assert.rejects(node2.teleport(NAME, 'node1'), /node1 is this node itself/);
    const seed = node1.host.plan.hold('bulk.serveDisk');
    const moving = node1.teleport(NAME, 'node2');
    await seed.reached;
    // It is on its way here: that is this node's own affair.
    await assert.rejects(node2.teleport(NAME, 'node1'), /is not on node2: it is on node1/);
    seed.goOn();
    assert.equal((await moving).outcome, 'succeeded');
  });

  it('two that pass each other both arrive', async () => {
    const [node1, node2] = [mesh().node('node1'), mesh().node('node2')];
    await node1.create('there');
    await node2.create('here');
    const both = await Promise.all([node1.teleport('there', 'node2'), node2.teleport('here', 'node1')]);
    assert.deepEqual(
      both.map(({ outcome }) => outcome),
      ['succeeded', 'succeeded'],
    );
    await assertAtRest(mesh(), 'there', 'node2', 2);
    await assertAtRest(mesh(), 'here', 'node1', 2);
  });

  it('one that can be let run on neither at once stays where it is, and the next daemon tries again', async () => {
    const node1 = mesh().node('node1');
    await node1.create(NAME);
    node1.host.plan.fail('dump.held', 'before');
    node1.host.plan.fail('machine.thaw', 'before');
    const ended = await node1.teleport(NAME, 'node2');
    assert.equal(ended.outcome, 'stranded', ended.error);
    assert.equal(node1.host.stateOf(NAME), 'frozen');
    await node1.stop();
    await node1.begin();
    await assertAtRest(mesh(), NAME, 'node1', 1);
  });
});

/** Where a migration stands, by the step that it is held at, and what becomes of it when it is ended there. */
const PHASES: readonly { phase: string; at: 'node1' | 'node2'; step: Step; comes: 'back' | 'there' }[] = [
  { phase: 'negotiate', at: 'node2', step: 'machine.expect', comes: 'back' },
  { phase: 'seed', at: 'node2', step: 'bulk.pullDisk', comes: 'back' },
  { phase: 'precopy', at: 'node2', step: 'bulk.openImages', comes: 'back' },
  { phase: 'precopy', at: 'node1', step: 'machine.dump', comes: 'back' },
  { phase: 'freeze', at: 'node1', step: 'dump.held', comes: 'back' },
  { phase: 'the end of the freeze', at: 'node2', step: 'machine.assemble', comes: 'back' },
  { phase: 'activate', at: 'node2', step: 'machine.restore', comes: 'there' },
  { phase: 'release', at: 'node1', step: 'machine.erase', comes: 'there' },
];

describe('ended early', () => {
  const mesh = testMesh(['node1', 'node2'], 'all');
  const name = ownName(mesh);

  for (const { phase, at, step, comes } of PHASES) {
    it(`by an abort in ${phase}: it comes ${comes}`, async () => {
      const node1 = mesh().node('node1');
      await node1.create(name());
      const held = mesh().node(at).host.plan.hold(step);
      const moving = node1.teleport(name(), 'node2');
      await held.reached;
      const abort = node1.abort(name());
      if (comes === 'there') await assert.rejects(abort, /cannot be called back/);
      held.goOn();
      if (comes === 'back') assert.equal((await abort).outcome, 'aborted');
      await check(await moving, comes);
    });

    for (const stopped of ['node1', 'node2'] as const) {
      it(`by a stop of ${stopped} in ${phase}: it comes ${comes}, and the daemon finds it settled`, async () => {
        const node1 = mesh().node('node1');
        await node1.create(name());
        const held = mesh().node(at).host.plan.hold(step);
        const moving = node1.teleport(name(), 'node2');
        await held.reached;
        const stop = mesh().node(stopped).stop();
        held.goOn();
        const ended = await moving;
        await stop;
        await mesh().node(stopped).begin();
        await Promise.all(mesh().nodes.map((node) => node.hearsAll()));
        await check(ended, comes);
      });
    }
  }

  async function check(ended: { outcome: string; error: string }, comes: 'back' | 'there'): Promise<void> {
    if (comes === 'there') {
      assert.equal(ended.outcome, 'succeeded', ended.error);
      await assertAtRest(mesh(), name(), 'node2', 2);
      return;
    }
    // A target that says no to the offer since it is stopping has begun nothing.
    if (ended.outcome === 'refused') assert.equal(ended.error, 'node2 is shutting down');
    else assert.match(`${ended.outcome}: ${ended.error}`, /^aborted: .* runs on node1 as before$/);
    await assertAtRest(mesh(), name(), 'node1', 1);
    assert.equal((await mesh().node('node1').teleport(name(), 'node2')).outcome, 'succeeded');
    await assertAtRest(mesh(), name(), 'node2', 2);
  }
});
