/** What a teleport carries, and who is the owner afterwards, by everybody's word. */
import assert from 'node:assert/strict';
import { assertAtRest, eventually, NAME, ownerBy, testMesh } from './support.js';

describe('a teleport', () => {
  const mesh = testMesh(['node1', 'node2', 'node3']);

  it('carries memory and disk as they were at the freeze', async () => {
    const [node1, node2] = [mesh().node('node1'), mesh().node('node2')];
    await node1.create(NAME);
    node1.host.remember(NAME, 'counter', '41');
    node1.host.write(NAME, '/root/diary', 'monday');
    // After the first pass of the disk, before the freeze: what is written now must come, too.
    node1.host.plan.at('machine.freeze', 'before', () => {
      node1.host.remember(NAME, 'counter', '42');
      node1.host.write(NAME, '/root/diary', 'tuesday');
    });
    const ended = await node1.teleport(NAME, 'node2');
    assert.equal(ended.outcome, 'succeeded', ended.error);
    assert.equal(ended.location, 'node2');
    assert.equal(node2.host.recall(NAME, 'counter'), '42');
    assert.equal(node2.host.filesOf(NAME)?.['/root/diary'], 'tuesday');
    assert.equal(node2.host.filesOf(NAME)?.['/etc/hostname'], NAME);
    await assertAtRest(mesh(), NAME, 'node2', 2);
  });

  it('trusts the time of no file when a clock was set in the first pass', async () => {
    const [node1, node2] = [mesh().node('node1'), mesh().node('node2')];
    const { now } = Date;
    await node1.create(NAME);
    const begun = now();
    assert.equal((await node1.teleport(NAME, 'node2')).outcome, 'succeeded');
    assert.ok((node2.host.suspectAfterMs(NAME) ?? 0) >= begun);
    node1.host.plan.at('bulk.pullDisk', 'after', () => {
      Date.now = () => now() - 3_600_000;
    });
    try {
      const back = await node2.teleport(NAME, 'node1');
      assert.equal(back.outcome, 'succeeded', back.error);
    } finally {
      Date.now = now;
    }
    assert.equal(node1.host.suspectAfterMs(NAME), 0);
  });

  it('there and back again, the epoch grows by one each time', async () => {
    const [node1, node2] = [mesh().node('node1'), mesh().node('node2')];
    await node1.create(NAME);
    node1.host.remember(NAME, 'mine', 'kept');
    assert.equal((await node1.teleport(NAME, 'node2')).epoch, 2);
    const back = await node2.teleport(NAME, 'node1');
    assert.equal(back.epoch, 3, back.error);
    assert.equal((await node1.teleport(NAME, 'node3')).epoch, 4);
    assert.equal(mesh().node('node3').host.recall(NAME, 'mine'), 'kept');
    await assertAtRest(mesh(), NAME, 'node3', 4);
  });

  it('of what is lost on the way warns before, and goes', async () => {
    const node1 = mesh().node('node1');
    await node1.create(NAME);
    node1.host.burden(NAME, 'it is in the multicast group 239.1.2.3 on eth0');
    const plan = await node1.plan(NAME, 'node2');
    assert.deepEqual([plan.warnings, plan.refusals], [['it is in the multicast group 239.1.2.3 on eth0'], []]);
    assert.deepEqual((await node1.plan(NAME, 'node2', { cold: true })).warnings, []);
    const { outcome, steps } = await node1.teleport(NAME, 'node2');
    assert.equal(outcome, 'succeeded');
    assert.ok(steps.includes('warning: it is in the multicast group 239.1.2.3 on eth0'), steps.join('\n'));
  });

  it('waits for what its programs have closed and not delivered yet, and warns of what takes too long', async () => {
    const [node1, node2] = [mesh().node('node1'), mesh().node('node2')];
    await node1.create(NAME);
    node1.host.closes(NAME, 2, 2, 1, 0, 7);
    const { outcome, steps } = await node1.teleport(NAME, 'node2');
    assert.equal(outcome, 'succeeded');
    assert.ok(!steps.join().includes('warning'), steps.join('\n'));
    node2.host.closes(NAME, ...Array.from({ length: 1_000 }, () => 2));
    const back = await node2.teleport(NAME, 'node1');
    assert.equal(back.outcome, 'succeeded');
    assert.match(back.steps.join(), /warning: 2 connections that their programs have closed still had something/);
  });

  it('cold: the disk comes, the memory does not, and it runs', async () => {
    const [node1, node2] = [mesh().node('node1'), mesh().node('node2')];
    await node1.create(NAME);
    node1.host.remember(NAME, 'counter', '41');
    node1.host.write(NAME, '/root/diary', 'monday');
    const ended = await node1.teleport(NAME, 'node2', 'cold');
    assert.equal(ended.outcome, 'succeeded', ended.error);
    assert.equal(node2.host.recall(NAME, 'counter'), undefined);
    assert.equal(node2.host.filesOf(NAME)?.['/root/diary'], 'monday');
    await assertAtRest(mesh(), NAME, 'node2', 2);
  });

  it('of a stopped one leaves it stopped', async () => {
    const node1 = mesh().node('node1');
    await node1.create(NAME, { start: false });
    const ended = await node1.teleport(NAME, 'node2');
    assert.equal(ended.outcome, 'succeeded', ended.error);
    await assertAtRest(mesh(), NAME, 'node2', 2, 'stopped');
    await mesh().node('node2').start(NAME);
    await assertAtRest(mesh(), NAME, 'node2', 2);
  });

  // Else what it says first would be taken for forged, and what it is sent would go where it was.
  it('is known to a third node before it runs again, and as it was when it comes back', async () => {
    const [node1, node2, node3] = [mesh().node('node1'), mesh().node('node2'), mesh().node('node3')];
    await node1.create(NAME);
    const owner = async (word: string) =>
      await eventually(`${word}, by node3's word`, async () => (await ownerBy(node3, NAME)) === word);
    await owner('node1 at 1');
    const { reached, goOn } = node2.host.plan.hold('machine.restore');
    node2.host.plan.fail('machine.restore', 'after', { times: 2 });
    const ended = node1.teleport(NAME, 'node2');
    await reached;
    await owner('node2 at 2');
    const listed = (await node1.list()).filter(({ name }) => name === NAME);
    assert.deepEqual(
      listed.map(({ state, owner }) => [state, owner]),
      [['frozen', 'node1']],
    );
    goOn();
    assert.equal((await ended).outcome, 'aborted');
    await owner('node1 at 3');
    await assertAtRest(mesh(), NAME, 'node1', 3);
  });

  it('every node says the same of who owns what', async () => {
    const [node1, node2, node3] = [mesh().node('node1'), mesh().node('node2'), mesh().node('node3')];
    await node1.create('one');
    await node2.create('two');
    await node3.create('three');
    await Promise.all([
      node1.teleport('one', 'node2'),
      node2.teleport('two', 'node3'),
      node3.teleport('three', 'node1'),
    ]);
    for (const [name, owner] of [
      ['one', 'node2'],
      ['two', 'node3'],
      ['three', 'node1'],
    ] as const) {
      await assertAtRest(mesh(), name, owner, 2);
      assert.equal(await ownerBy(node1, name), `${owner} at 2`);
    }
  });
});
