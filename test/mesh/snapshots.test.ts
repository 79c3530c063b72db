import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporary } from '../support/temporary.js';
import type { MeshNode } from './mesh-of-daemons.js';
import type { Moment, Step } from './plan.js';
import { assertNothingLeft, eventually, NAME, ownerBy, testMesh } from './support.js';

const CLONE = 'clone.gonkulator.io';

describe('a snapshot', () => {
  const mesh = testMesh(['node1', 'node2', 'node3']);
  const directory = temporary();
  const place = () => join(directory(), 'snapshot');
  const left = () => readdirSync(directory());

  /** Running on node1, with something in its memory and on its disk. */
  async function create(): Promise<void> {
    const node = mesh().node('node1');
    await node.create(NAME, { address: '10.100.101.111' });
    node.host.remember(NAME, 'a', 'in memory');
    node.host.write(NAME, '/b', 'on disk');
  }

  /** node1 is gone for good, by the others' word. */
  async function lose(): Promise<void> {
    mesh().node('node1').crash();
    mesh().node('node1').host.reboot();
    for (const other of ['node2', 'node3']) {
      const dead = async () => (await mesh().node(other).states()).includes('node1 dead');
      await eventually(`node1 dead to ${other}`, dead, 20_000);
    }
  }

  /** Its daemon dies at that moment of a restore, and the next one begins. */
  async function dieRestoring(node: MeshNode, step: Step, moment: Moment = 'before'): Promise<void> {
    const held = node.host.plan.hold(step, moment);
    node.restoreFrom(place()).catch(() => undefined);
    await held.reached;
    node.crash();
    held.goOn();
    await node.begin();
  }

  it('is taken of one that runs, which runs on', async () => {
    await create();
    const node = mesh().node('node1');
    const { memory, name, freezeMs } = await node.snapshot(NAME, place());
    assert.deepEqual({ memory, name }, { memory: true, name: NAME });
    assert.ok(freezeMs > 0);
    assert.equal(node.host.stateOf(NAME), 'running');
    assert.equal(node.host.recall(NAME, 'a'), 'in memory');
    assert.deepEqual(left(), ['snapshot']);
    assert.deepEqual(readdirSync(place()).sort(), ['disk.tar', 'manifest.json', 'memory']);
    assert.deepEqual(readdirSync(join(node.stateDir, 'snapshots')), []);
  });

  it('and leaves it stopped when told so', async () => {
    await create();
    const node = mesh().node('node1');
    await node.snapshot(NAME, place(), true);
    assert.equal(node.host.stateOf(NAME), 'stopped');
    assert.equal((await node.inspect(NAME))?.state, 'CNVM_STATE_STOPPED');
    await node.remove(NAME);
    const { memory } = await node.restoreFrom(place());
    assert.equal(memory, true);
    assert.equal(node.host.recall(NAME, 'a'), 'in memory');
  });

  it('and is stopped by the next daemon when this one could not', async () => {
    await create();
    const node = mesh().node('node1');
    node.host.plan.fail('dump.commit', 'before');
    await assert.rejects(node.snapshot(NAME, place(), true));
    assert.equal(node.host.stateOf(NAME), 'frozen');
    await node.stop();
    await node.begin();
    assert.equal(node.host.stateOf(NAME), 'stopped');
    assert.deepEqual(left(), ['snapshot']);
    await node.start(NAME);
  });

  it('and is not let run on by the next daemon, when it was whole before the first one died', async () => {
    await create();
    const node = mesh().node('node1');
    const held = node.host.plan.hold('dump.commit');
    node.snapshot(NAME, place(), true).catch(() => undefined);
    await held.reached;
    node.crash();
    held.goOn();
    await node.begin();
    assert.equal(node.host.stateOf(NAME), 'stopped');
    assert.deepEqual(left(), ['snapshot']);
    await node.remove(NAME);
    await node.restoreFrom(place());
    assert.equal(node.host.recall(NAME, 'a'), 'in memory');
  });

  it('that two nodes restore at once is one cnvm, and the other node says who has it', async () => {
    await create();
    await mesh().node('node1').snapshot(NAME, place());
    await lose();
    const nodes = ['node2', 'node3'].map((name) => mesh().node(name));
    const ends = await Promise.allSettled(nodes.map((node) => node.restoreFrom(place(), { force: true })));
    const lost = ends.flatMap((end) => (end.status === 'rejected' ? [String(end.reason)] : []));
    assert.equal(lost.length, 1, JSON.stringify(ends.map(({ status }) => status)));
    assert.match(lost[0] ?? '', /the name .* is taken: node[23] has it|node[23] has the cnvm/);
    assert.deepEqual(nodes.map(({ host }) => host.stateOf(NAME) ?? '').sort(), ['running', 'stopped']);
  }).timeout(30_000);

  it('that one node is told twice to restore is one cnvm, wherever the second would have it', async () => {
    await create();
    await mesh().node('node1').snapshot(NAME, place());
    await lose();
    const [node2, node3] = [mesh().node('node2'), mesh().node('node3')];
    const first = node2.host.plan.hold('machine.expect');
    const restoring = node2.restoreFrom(place(), { force: true });
    await first.reached;
    let answer: () => void = () => undefined;
    const slow = new Promise<void>((resolve) => {
      answer = resolve;
    });
    const asked = new Promise<void>((resolve) => {
      const wait = () => {
        resolve();
        return slow;
      };
      node3.host.plan.at('host.facts', 'before', wait, { times: Number.MAX_SAFE_INTEGER });
    });
    // It asks what is known of the lost node before it has the name.
    const again = node2.restoreFrom(place(), { force: true, landing: '/home/cnvm/sneakers/elsewhere' });
    const refused = assert.rejects(again, /is being restored from a snapshot|there is a cnvm .* on node2/);
    await Promise.race([asked, refused]);
    first.goOn();
    await restoring;
    answer();
    await refused;
    assert.equal(node2.host.recall(NAME, 'a'), 'in memory');
  }).timeout(60_000);

  it('is the way back from a node that is lost, with memory and disk, and that node yields', async () => {
    await create();
    await mesh().node('node1').snapshot(NAME, place());
    await lose();
    const node = mesh().node('node2');
    await assert.rejects(node.restoreFrom(place()), /node1 has the cnvm .* held for dead: with --force/);
    assert.deepEqual(node.host.residue(), []);
    const { memory, cnvm } = await node.restoreFrom(place(), { force: true });
    assert.equal(memory, true);
    assert.equal(Number(cnvm?.epoch), 2);
    assert.equal(node.host.recall(NAME, 'a'), 'in memory');
    assert.equal(node.host.filesOf(NAME)?.['/b'], 'on disk');
    assert.match(readFileSync(join(node.stateDir, 'audit.log'), 'utf8'), /"act":"restore".*"peer":"node1"/);
    await mesh().node('node1').begin();
    await eventually(
      'node1 to yield',
      async () => (await ownerBy(mesh().node('node3'), NAME)) === 'node2 at 2',
      20_000,
    );
    await eventually('its copy to be stopped', () => mesh().node('node1').host.stateOf(NAME) === 'stopped', 20_000);
  });

  it('is not restored where a living node has its cnvm, but as a clone, from its disk', async () => {
    await create();
    await mesh().node('node1').snapshot(NAME, place());
    const node = mesh().node('node2');
    await assert.rejects(
      node.restoreFrom(place()),
      /node1 has the cnvm sneaker01.*: remove it there first, or restore by another --name/,
    );
    await assert.rejects(node.restoreFrom(place(), { force: true }), /node1 has the cnvm/);
    await assert.rejects(mesh().node('node1').restoreFrom(place()), /there is a cnvm sneaker01.* on node1/);
    const { memory, cnvm, notes } = await node.restoreFrom(place(), { name: CLONE });
    assert.equal(memory, false);
    assert.notEqual(cnvm?.address, '10.100.101.111');
    assert.match(notes.join(), /starts from its disk/);
    assert.equal(node.host.filesOf(CLONE)?.['/b'], 'on disk');
    assert.equal(node.host.filesOf(CLONE)?.['/etc/hostname'], CLONE);
    assert.equal(node.host.stateOf(CLONE), 'running');
    assert.equal(await ownerBy(mesh().node('node3'), NAME), 'node1 at 1');
  });

  it('of one that is stopped is its disk', async () => {
    await create();
    const node = mesh().node('node1');
    await node.stopCnvm(NAME);
    const { memory } = await node.snapshot(NAME, place());
    assert.equal(memory, false);
    await node.remove(NAME);
    const restored = await mesh().node('node3').restoreFrom(place(), { noStart: true });
    assert.equal(restored.cnvm?.state, 'CNVM_STATE_STOPPED');
    assert.equal(mesh().node('node3').host.filesOf(NAME)?.['/b'], 'on disk');
    await mesh().node('node3').start(NAME);
  });

  for (const file of ['disk.tar', 'memory/core-1.img', 'memory/pages-1.img']) {
    it(`of which ${file} has changed by one bit is refused, and nothing is there`, async () => {
      await create();
      const node = mesh().node('node1');
      await node.snapshot(NAME, place());
      await node.remove(NAME);
      const bytes = readFileSync(join(place(), file));
      bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1;
      writeFileSync(join(place(), file), bytes);
      await assert.rejects(node.restoreFrom(place()), new RegExp(`is spoilt: ${file} is not what it was`));
      await assertNothingLeft(mesh());
    });
  }

  it('is refused with every reason before anything changes', async () => {
    await create();
    const node = mesh().node('node1');
    mkdirSync(place());
    node.host.hinder(NAME, 'process 7 (x) holds an io_uring, descriptor 3');
    await assert.rejects(node.snapshot(NAME, place()), /snapshot exists; process 7 \(x\) holds an io_uring/);
    node.host.registry.availableBytes = 1024;
    await assert.rejects(
      node.snapshot(NAME, join(directory(), 'other')),
      /not enough room for .*other: \d+ MiB needed/,
    );
    await assert.rejects(node.snapshot(NAME, join(directory(), 'not', 'there')), /the directory above it is not there/);
    await assert.rejects(mesh().node('node2').snapshot(NAME, place()), /is on node1/);
    assert.equal(node.host.stateOf(NAME), 'running');
    assert.deepEqual(left(), ['snapshot']);
  });

  for (const step of ['dump.held', 'machine.packDisk', 'bulk.takePages', 'machine.freeze'] as const) {
    it(`that breaks at ${step} leaves nothing, and the cnvm runs on`, async () => {
      await create();
      const node = mesh().node('node1');
      node.host.plan.fail(step, 'before');
      await assert.rejects(node.snapshot(NAME, place()));
      assert.equal(node.host.stateOf(NAME), 'running');
      assert.equal(node.host.recall(NAME, 'a'), 'in memory');
      assert.deepEqual(left(), []);
      await node.snapshot(NAME, place());
    });
  }

  it('after which the cnvm cannot be let run on says so, and the next daemon tries again', async () => {
    await create();
    const node = mesh().node('node1');
    node.host.plan.fail('dump.held', 'before');
    node.host.plan.fail('machine.thaw', 'before');
    await assert.rejects(node.snapshot(NAME, place()), /is on node1 and could not be let run on/);
    assert.equal(node.host.stateOf(NAME), 'frozen');
    await node.stop();
    await node.begin();
    assert.equal(node.host.stateOf(NAME), 'running');
    assert.deepEqual(left(), []);
    await node.snapshot(NAME, place());
  });

  it('that stands still is given up, and the cnvm runs on', async () => {
    await create();
    const node = mesh().node('node1');
    await node.stop();
    await node.begin([], { stall: 1 });
    await node.hearsAll();
    const held = node.host.plan.hold('bulk.takePages');
    await assert.rejects(node.snapshot(NAME, place()), /nothing was written for 1 s; sneaker01.* runs on/);
    held.goOn();
    assert.equal(node.host.stateOf(NAME), 'running');
    assert.deepEqual(left(), []);
  });

  it('whose daemon dies leaves nothing, and the next one lets the cnvm run on', async () => {
    await create();
    const node = mesh().node('node1');
    const held = node.host.plan.hold('machine.packDisk');
    node.snapshot(NAME, place()).catch(() => undefined);
    await held.reached;
    assert.equal(node.host.stateOf(NAME), 'frozen');
    assert.equal(left().length, 1);
    node.crash();
    held.goOn();
    await node.begin();
    assert.equal(node.host.stateOf(NAME), 'running');
    assert.deepEqual(left(), []);
    await node.snapshot(NAME, place());
  });

  for (const step of ['machine.unpackDisk', 'machine.assemble', 'machine.restore'] as const) {
    it(`whose restore breaks at ${step} leaves nothing`, async () => {
      await create();
      const node = mesh().node('node1');
      await node.snapshot(NAME, place());
      await node.remove(NAME);
      node.host.plan.fail(step, 'before');
      await assert.rejects(node.restoreFrom(place()));
      await assertNothingLeft(mesh());
      assert.equal(await ownerBy(mesh().node('node2'), NAME), 'nobody');
      await node.restoreFrom(place());
      assert.equal(node.host.recall(NAME, 'a'), 'in memory');
    });
  }

  it('whose restoring daemon dies leaves nothing when the next one begins', async () => {
    await create();
    const node = mesh().node('node1');
    await node.snapshot(NAME, place());
    await node.remove(NAME);
    await dieRestoring(node, 'machine.unpackDisk');
    await assertNothingLeft(mesh());
    await node.restoreFrom(place());
    assert.equal(node.host.recall(NAME, 'a'), 'in memory');
  });

  it('has a name as long as any file may have', async () => {
    await create();
    const node = mesh().node('node1');
    const long = join(directory(), 'x'.repeat(255));
    await node.snapshot(NAME, long);
    assert.deepEqual(readdirSync(long).sort(), ['disk.tar', 'manifest.json', 'memory']);
    assert.deepEqual(readdirSync(join(node.stateDir, 'snapshots')), []);
  });

  /** A snapshot of one that stands still, whose place goes away: the half of it cannot be removed there. */
  async function losePlace(): Promise<{ readonly ended: Promise<void>; readonly back: () => void }> {
    const [inner, away] = [join(directory(), 'disk'), join(directory(), 'away')];
    mkdirSync(inner);
    const node = mesh().node('node1');
    const held = node.host.plan.hold('machine.packDisk');
    const taking = assert.rejects(node.snapshot(NAME, join(inner, 'snapshot')));
    await held.reached;
    renameSync(inner, away);
    writeFileSync(inner, '');
    const back = () => {
      rmSync(inner);
      renameSync(away, inner);
    };
    const ended = async () => {
      held.goOn();
      await taking;
    };
    return { ended: ended(), back };
  }

  it('whose place has gone, and its daemon with it, keeps neither the next daemon nor the cnvm from running', async () => {
    await create();
    const node = mesh().node('node1');
    const { ended, back } = await losePlace();
    await ended;
    assert.equal(node.host.stateOf(NAME), 'running');
    await node.stop();
    await node.begin();
    assert.equal(node.host.stateOf(NAME), 'running');
    await node.stop();
    back();
    await node.begin();
    assert.deepEqual(readdirSync(join(directory(), 'disk')), []);
    assert.deepEqual(readdirSync(join(node.stateDir, 'snapshots')), []);
  });

  it('of which something is left lets nothing run on that was handed over since', async () => {
    await create();
    const [node1, node2] = [mesh().node('node1'), mesh().node('node2')];
    const { ended, back } = await losePlace();
    await ended;
    back();
    const restore = node2.host.plan.hold('machine.restore');
    void node1.teleport(NAME, 'node2').catch(() => undefined);
    await restore.reached;
    node1.crash();
    restore.goOn();
    await eventually('it runs there', () => node2.host.stateOf(NAME) === 'running');
    mesh().cut('node1', 'node2');
    await node1.begin();
    assert.equal(node1.host.stateOf(NAME), 'frozen');
    assert.deepEqual(readdirSync(join(directory(), 'disk')), []);
    mesh().heal('node1', 'node2');
    await eventually('it is let go here', () => node1.host.stateOf(NAME) === 'stopped', 20_000);
  }).timeout(30_000);

  it('whose restoring daemon dies as it makes room, or as it takes back, leaves nothing either', async () => {
    await create();
    const node = mesh().node('node1');
    await node.snapshot(NAME, place());
    await node.remove(NAME);
    for (const [step, moment] of [
      ['machine.expect', 'after'],
      ['machine.destroy', 'before'],
      ['machine.erase', 'before'],
    ] as const) {
      if (step !== 'machine.expect') node.host.plan.fail('machine.restore', 'before');
      await dieRestoring(node, step, moment);
      await assertNothingLeft(mesh());
    }
    await node.restoreFrom(place());
  });

  it('of which something stays among the scratch files is restored all the same, and the next daemon clears that', async () => {
    await create();
    const node = mesh().node('node1');
    await node.snapshot(NAME, place());
    await node.remove(NAME);
    node.host.plan.fail('bulk.sweep', 'before');
    assert.equal((await node.restoreFrom(place())).memory, true);
    assert.equal(node.host.stateOf(NAME), 'running');
    await node.stop();
    await node.begin();
    assert.deepEqual(
      node.host.residue().filter((line) => line.startsWith('images of')),
      [],
    );
    assert.equal(node.host.stateOf(NAME), 'running');
  });

  it('that is none, or of a form that is not known, is refused', async () => {
    const node = mesh().node('node1');
    await assert.rejects(node.restoreFrom(place()), /is no snapshot: it has no manifest.json/);
    mkdirSync(place());
    writeFileSync(join(place(), 'manifest.json'), JSON.stringify({ schema: 9 }));
    await assert.rejects(node.restoreFrom(place()), /it is of form 9, and this version knows 1/);
    assert.ok(existsSync(place()));
  });
});
