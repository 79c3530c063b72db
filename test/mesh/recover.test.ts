import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { MeshNode } from './mesh-of-daemons.js';
import { assertAtRest, ownName, testMesh } from './support.js';

describe('a peer that never comes back', () => {
  const mesh = testMesh(['node1', 'node2'], 'all');
  const name = ownName(mesh);

  /** Handed over; then both daemons die, and the source's alone comes back. */
  async function inDoubt(): Promise<MeshNode> {
    const [node1, node2] = [mesh().node('node1'), mesh().node('node2')];
    await node1.create(name());
    node1.host.remember(name(), 'mine', 'kept');
    const restore = node2.host.plan.hold('machine.restore');
    void node1.teleport(name(), 'node2').catch(() => undefined);
    await restore.reached;
    node1.crash();
    node2.crash();
    return node1;
  }

  it('leaves what it was handed frozen and in doubt, and says what is known', async () => {
    const node1 = await inDoubt();
    await node1.begin();
    const [doubt, ...more] = await node1.doubts();
    assert.deepEqual([doubt?.name, doubt?.target, doubt?.epoch, more.length], [name(), 'node2', 2n, 0]);
    assert.match(doubt?.known.join('\n') ?? '', /there are two of them/);
    assert.equal(node1.host.stateOf(name()), 'frozen');
    await mesh().node('node2').begin();
    await assertAtRest(mesh(), name(), 'node1', 3);
    assert.deepEqual(await node1.doubts(), []);
  });

  it('is given up by force: it runs on where it was frozen, above all that the peer can claim, and that is written down', async () => {
    const node1 = await inDoubt();
    await node1.begin();
    const ended = await node1.force(name());
    assert.deepEqual([ended.outcome, ended.location], ['aborted', 'node1']);
    assert.match(ended.error, /taken back by force by local.*; cnvm-\d+ runs on node1 as before/);
    assert.equal(node1.host.stateOf(name()), 'running');
    assert.equal(node1.host.recall(name(), 'mine'), 'kept');
    const line = readFileSync(join(node1.stateDir, 'audit.log'), 'utf8').trim().split('\n').at(-1) ?? '';
    const { act, who, cnvm, peer } = JSON.parse(line) as Record<string, string>;
    assert.deepEqual([act, who, cnvm, peer], ['force', 'local (local)', name(), 'node2']);
    await mesh().node('node2').begin();
    await node1.hearsAll();
    await assertAtRest(mesh(), name(), 'node1', 1_001);
    assert.equal((await node1.teleport(name(), 'node2')).outcome, 'succeeded');
    await assertAtRest(mesh(), name(), 'node2', 1_002);
  });

  it('can be given up after the machine was restarted, too: it is started', async () => {
    const node1 = await inDoubt();
    node1.host.reboot();
    await node1.begin(['node2']);
    assert.equal((await node1.doubts()).length, 1);
    assert.equal((await node1.force(name())).outcome, 'aborted');
    assert.equal(node1.host.stateOf(name()), 'running');
    await node1.stop();
    await Promise.all([node1.begin(), mesh().node('node2').begin()]);
    await node1.hearsAll();
    await assertAtRest(mesh(), name(), 'node1', 1_001);
  });

  it('is no reason to force what is not in doubt', async () => {
    const node1 = mesh().node('node1');
    await node1.create(name());
    await assert.rejects(node1.force(name()), /is not in doubt on node1/);
    await assert.rejects(node1.force('nobody'), /is not in doubt/);
    await assertAtRest(mesh(), name(), 'node1', 1);
  });
});
