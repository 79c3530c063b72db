/** What belongs to nobody goes; what belongs to somebody stays, whatever else lies beside it. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { record } from '../support/samples.js';
import { assertAtRest, assertNothingLeft, eventually, NAME, testMesh } from './support.js';

describe('what is left over', () => {
  const mesh = testMesh(['node1', 'node2']);
  const left = () => ({ name: 'long-gone', address: '10.100.9.9', migration: randomUUID() });

  it('from a daemon long gone is removed by the next one, and nothing else is', async () => {
    const [node1, node2] = [mesh().node('node1'), mesh().node('node2')];
    await node1.create(NAME);
    const before = node1.host.residue();
    await node1.stop();
    node1.host.leave(left());
    assert.notDeepEqual(node1.host.residue(), before);
    await node1.begin();
    assert.deepEqual(node1.host.residue(), before);
    await Promise.all(mesh().nodes.map((node) => node.hearsAll()));
    assert.equal((await node1.teleport(NAME, 'node2')).outcome, 'succeeded');
    await assertAtRest(mesh(), NAME, node2.name, 2);
  });

  it('is removed after a failed migration, at both ends', async () => {
    const [node1, node2] = [mesh().node('node1'), mesh().node('node2')];
    await node1.create(NAME);
    // What was to be taken back could not be.
    for (const { host } of [node1, node2]) host.plan.fail('bulk.sweep', 'before');
    node2.host.plan.fail('machine.assemble', 'before');
    const ended = await node1.teleport(NAME, 'node2');
    assert.equal(ended.outcome, 'aborted', ended.error);
    await assertAtRest(mesh(), NAME, 'node1', 1);
    assert.deepEqual([...node1.host.plan.unmet(), ...node2.host.plan.unmet()], []);
    node2.host.leave(left());
    node2.host.plan.fail('machine.assemble', 'before');
    assert.equal((await node1.teleport(NAME, 'node2')).outcome, 'aborted');
    await eventually('nothing there', () => node2.host.residue().length === 0);
  });

  it('is not what a hand-over that nobody has answered still needs', async () => {
    const [node1, node2] = [mesh().node('node1'), mesh().node('node2')];
    await node1.create(NAME);
    const restore = node2.host.plan.hold('machine.restore');
    void node1.teleport(NAME, 'node2').catch(() => undefined);
    await restore.reached;
    const needed = node1.host.residue();
    node1.crash();
    await node1.begin();
    assert.deepEqual(node1.host.residue(), needed);
    restore.goOn();
    await assertAtRest(mesh(), NAME, 'node2', 2);
  });

  it('is not what runs, though nobody knows it, nor what may be its own', async () => {
    const [node1, node2] = [mesh().node('node1'), mesh().node('node2')];
    await node1.stop();
    const stranger = { ...record, name: 'stranger', address: '10.100.9.9' };
    node1.host.intrude(stranger);
    node1.host.leave({ ...left(), name: 'stranger' });
    const before = node1.host.residue().filter((line) => !line.startsWith('images of'));
    await node1.begin();
    assert.deepEqual(node1.host.residue(), before);
    assert.match(node1.host.stateOf('stranger'), /^running/);
    await node1.host.machine.destroy(stranger);
    assert.deepEqual(node2.host.residue(), []);
  });

  it('is nothing where all went well', async () => {
    const node1 = mesh().node('node1');
    await node1.create(NAME);
    assert.equal((await node1.teleport(NAME, 'node2')).outcome, 'succeeded');
    await mesh().node('node2').remove(NAME);
    await assertNothingLeft(mesh());
  });
});
