/** What was true when it was looked at, and is not any more when it is acted on: whoever acts late looks again. */
import assert from 'node:assert/strict';
import { assertAtRest, NAME, testMesh } from './support.js';

describe('meanwhile', () => {
  const mesh = testMesh(['node1', 'node2']);

  it('one that was stopped while others were started after a restart is not started', async () => {
    const node1 = mesh().node('node1');
    await node1.create('a');
    await node1.create('b');
    await node1.stop();
    node1.host.reboot();
    const held = node1.host.plan.hold('machine.boot');
    const begun = node1.begin();
    await held.reached;
    await node1.stopCnvm('b');
    held.goOn();
    await begun;
    assert.equal(node1.host.stateOf('a'), 'running');
    assert.equal(node1.host.stateOf('b'), 'stopped');
  });

  it('one that was started while it was looked at for a move is moved as one that runs', async () => {
    const [node1, node2] = [mesh().node('node1'), mesh().node('node2')];
    await node1.create(NAME, { start: false });
    const looked = node1.host.plan.hold('machine.look', 'after');
    const moving = node1.teleport(NAME, 'node2');
    await looked.reached;
    await node1.start(NAME);
    node1.host.remember(NAME, 'a', 'in memory');
    looked.goOn();
    assert.equal((await moving).outcome, 'succeeded');
    assert.equal(node2.host.stateOf(NAME), 'running');
    assert.equal(node2.host.recall(NAME, 'a'), 'in memory');
    await assertAtRest(mesh(), NAME, 'node2', 2);
  });

  it('a daemon that is told to stop while it looks whether it can move one does not begin to', async () => {
    const node1 = mesh().node('node1');
    await node1.create(NAME);
    const looking = node1.host.plan.hold('machine.obstacles');
    const moving = node1.teleport(NAME, 'node2');
    moving.catch(() => undefined);
    await looking.reached;
    const stopped = node1.stop();
    looking.goOn();
    await assert.rejects(moving, /node1 is shutting down/);
    await stopped;
    await node1.begin();
    await node1.hearsAll();
    await assertAtRest(mesh(), NAME, 'node1', 1);
  });

  it('a daemon that is told to stop while it looks whether it can take one does not take it', async () => {
    const [node1, node2] = [mesh().node('node1'), mesh().node('node2')];
    await node1.create(NAME, { ports: [{ nodePort: 8080, cnvmPort: 80, protocol: 'tcp' }] });
    const looking = node2.host.plan.hold('ports.look');
    const moving = node1.teleport(NAME, 'node2');
    await looking.reached;
    const stopped = node2.stop();
    looking.goOn();
    const { outcome, error } = await moving;
    assert.deepEqual([outcome, error], ['refused', 'node2 is shutting down']);
    await stopped;
    await node2.begin();
    await node1.hearsAll();
    await assertAtRest(mesh(), NAME, 'node1', 1);
  });

  for (const mode of ['hot', 'post-copy'] as const) {
    it(`an abort in the last moment before a hand-over still counts, ${mode}`, async () => {
      const node1 = mesh().node('node1');
      await node1.create(NAME);
      const noting = node1.host.plan.hold('journal.handing-over');
      const moving = node1.teleport(NAME, 'node2', mode);
      await noting.reached;
      const aborted = node1.abort(NAME);
      await node1.list();
      noting.goOn();
      assert.equal((await aborted).outcome, 'aborted');
      assert.equal((await moving).outcome, 'aborted');
      await assertAtRest(mesh(), NAME, 'node1', 1);
    });
  }
});

describe('somebody’s directory where that of a cnvm would be', () => {
  const mesh = testMesh(['node1', 'node2']);

  it('outlives a daemon of the target that dies on its way to it', async () => {
    const [node1, node2] = [mesh().node('node1'), mesh().node('node2')];
    await node1.create(NAME);
    node2.host.occupy(NAME);
    const reached = node2.host.plan.hold('machine.expect');
    const moving = node1.teleport(NAME, 'node2');
    await Promise.race([reached.reached, moving]);
    node2.crash();
    await node2.begin();
    await node1.hearsAll();
    assert.equal(node2.host.filesOf(NAME)?.['mine'], 'dear to me');
    reached.goOn();
  });

  it('outlives one that dies when it creates a cnvm, which is not there then', async () => {
    const node1 = mesh().node('node1');
    node1.host.occupy(NAME);
    const reached = node1.host.plan.hold('machine.make');
    const creating = node1.create(NAME);
    await Promise.race([reached.reached, creating.catch(() => undefined)]);
    node1.crash();
    await node1.begin();
    assert.deepEqual(await node1.list(), []);
    assert.equal(node1.host.filesOf(NAME)?.['mine'], 'dear to me');
    reached.goOn();
  });
});
