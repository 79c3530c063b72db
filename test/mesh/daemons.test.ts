/** Daemons that die, links that break, machines that lose power: it settles by itself, on one node. */
import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { CnvmError, refused } from '../../src/base/errors.js';
import { createPeerClient } from '../../src/rpc/peer-client.js';
import { fixedTrust } from '../../src/rpc/trust.js';
import type { MeshNode } from './mesh-of-daemons.js';
import type { Step } from './plan.js';
import { assertAtRest, eventually, NAME, ownName, testMesh } from './support.js';

/** Where a daemon dies in a hot migration, and where the cnvm is when it has come back. */
const DEATHS: readonly {
  who: 'node1' | 'node2';
  at: 'node1' | 'node2';
  step: Step;
  moment: 'before' | 'after';
  /** How often the restore fails. */
  fails?: number;
  ends: string;
}[] = [
  { who: 'node1', at: 'node1', step: 'bulk.serveDisk', moment: 'before', ends: 'node1 at 1' },
  { who: 'node1', at: 'node1', step: 'machine.freeze', moment: 'before', ends: 'node1 at 1' },
  { who: 'node1', at: 'node1', step: 'machine.freeze', moment: 'after', ends: 'node1 at 1' },
  { who: 'node1', at: 'node1', step: 'machine.dump', moment: 'after', ends: 'node1 at 1' },
  { who: 'node1', at: 'node2', step: 'machine.assemble', moment: 'before', ends: 'node1 at 1' },
  { who: 'node1', at: 'node2', step: 'machine.restore', moment: 'before', ends: 'node2 at 2' },
  { who: 'node1', at: 'node2', step: 'machine.restore', moment: 'after', ends: 'node2 at 2' },
  { who: 'node1', at: 'node1', step: 'overlay.unwire', moment: 'before', ends: 'node2 at 2' },
  { who: 'node1', at: 'node1', step: 'dump.commit', moment: 'before', ends: 'node2 at 2' },
  { who: 'node1', at: 'node1', step: 'machine.erase', moment: 'before', ends: 'node2 at 2' },
  { who: 'node1', at: 'node2', step: 'machine.restore', moment: 'before', fails: 2, ends: 'node1 at 3' },
  { who: 'node2', at: 'node2', step: 'restore.unheard', moment: 'before', ends: 'node2 at 2' },
  { who: 'node2', at: 'node2', step: 'machine.expect', moment: 'after', ends: 'node1 at 1' },
  { who: 'node2', at: 'node2', step: 'bulk.pullDisk', moment: 'before', ends: 'node1 at 1' },
  { who: 'node2', at: 'node2', step: 'machine.assemble', moment: 'after', ends: 'node1 at 1' },
  { who: 'node2', at: 'node2', step: 'machine.restore', moment: 'before', ends: 'node1 at 3' },
  { who: 'node2', at: 'node2', step: 'machine.restore', moment: 'after', ends: 'node2 at 2' },
  { who: 'node2', at: 'node2', step: 'bulk.sweep', moment: 'before', ends: 'node2 at 2' },
];

describe('a daemon that dies', () => {
  const mesh = testMesh(['node1', 'node2'], 'all');
  const name = ownName(mesh);

  for (const { who, at, step, moment, fails = 0, ends } of DEATHS) {
    it(`${who}’s, ${moment} ${step} on ${at}${fails > 0 ? ', which fails' : ''}: ${ends}, and it can be moved`, async () => {
      const [node1, node2] = [mesh().node('node1'), mesh().node('node2')];
      await node1.create(name());
      node1.host.remember(name(), 'mine', 'kept');
      const died = new Promise<void>((resolve) => {
        mesh()
          .node(at)
          .host.plan.at(step, moment, async () => {
            // Another process does not die within a call of this one.
            await setImmediate();
            mesh().node(who).crash();
            resolve();
            // The dead do nothing more; a step of the other daemon goes on.
            return who === at ? new Promise<never>(() => undefined) : undefined;
          });
      });
      if (fails > 0) node2.host.plan.fail('machine.restore', 'before', { times: fails });
      const moving = node1.teleport(name(), 'node2').catch(() => undefined);
      await died;
      await mesh().node(who).begin();
      if (who === 'node2') await moving;
      await Promise.all(mesh().nodes.map((node) => node.hearsAll()));
      const [owner = '', epoch] = ends.split(' at ');
      const [from, to] = owner === 'node1' ? [node1, node2] : [node2, node1];
      await eventually(`it runs on ${owner}`, () => from.host.stateOf(name()) === 'running');
      await eventually(`it does not on ${to.name}`, () => to.host.stateOf(name()) === 'stopped');
      assert.equal(from.host.recall(name(), 'mine'), 'kept');
      await movesWhenFree(from, to, name());
      assert.equal(to.host.recall(name(), 'mine'), 'kept');
      await assertAtRest(mesh(), name(), to.name, Number(epoch) + 1);
    });
  }

  /** While what is left of the move before is being settled it is refused. */
  async function movesWhenFree(from: MeshNode, to: MeshNode, name: string): Promise<void> {
    let error = '';
    const moved = async () => {
      const { outcome, error: why } = await from.teleport(name, to.name).catch(refusal);
      error = outcome === 'refused' || outcome === 'succeeded' ? '' : why;
      return outcome !== 'refused';
    };
    await eventually('it is free', moved);
    assert.equal(error, '');
  }

  function refusal(error: unknown): { outcome: 'refused'; error: string } {
    if (error instanceof CnvmError && error.code === 'refused') return { outcome: 'refused', error: error.message };
    throw error;
  }

  async function restart(node: MeshNode): Promise<void> {
    await node.stop();
    await node.begin();
    await Promise.all(mesh().nodes.map((one) => one.hearsAll()));
  }

  it('leaves nobody waiting who asks about it later', async () => {
    const node1 = mesh().node('node1');
    await node1.create(name());
    mesh()
      .node('node2')
      .host.plan.at('machine.restore', 'before', () => node1.crash());
    void node1.teleport(name(), 'node2').catch(() => undefined);
    await eventually('it runs there', () => mesh().node('node2').host.stateOf(name()) === 'running');
    await node1.begin();
    await assertAtRest(mesh(), name(), 'node2', 2);
    await eventually('its last word', async () => (await node1.migrations())[0]?.outcome === 'succeeded');
    assert.equal((await node1.migrations())[0]?.location, 'node2');
  });

  it('and one that comes back after it was let go is not cleared away with what was left then', async () => {
    const [node1, node2] = [mesh().node('node1'), mesh().node('node2')];
    await node1.create(name());
    // The source cannot clear its scratch, so the entry stays open; then the cnvm comes back.
    node1.host.plan.fail('bulk.sweep', 'before');
    assert.equal((await node1.teleport(name(), 'node2')).outcome, 'succeeded');
    const back = await node2.teleport(name(), 'node1');
    assert.equal(back.outcome, 'succeeded', back.error);
    await restart(node1);
    await assertAtRest(mesh(), name(), 'node1', 3);
  });

  it('in the hand-over of a stopped one: it comes back stopped', async () => {
    const [node1, node2] = [mesh().node('node1'), mesh().node('node2')];
    await node1.create(name(), { start: false });
    const inTheWay = join(node2.stateDir, 'cnvms', name());
    node2.host.plan.at('machine.assemble', 'after', () => writeFileSync(inTheWay, ''));
    // Its record cannot be kept: the target gives it back, and the source does not hear it.
    node2.host.plan.at('machine.destroy', 'before', () => node1.crash());
    void node1.teleport(name(), 'node2').catch(() => undefined);
    await eventually('the target gives it back', () => node2.journal()[0]?.state === 'returned');
    rmSync(inTheWay, { force: true });
    await node1.begin();
    await Promise.all(mesh().nodes.map((node) => node.hearsAll()));
    await assertAtRest(mesh(), name(), 'node1', 3, 'stopped');
  });

  it('with the machine, and the target is no peer any more: it is started by nobody', async () => {
    const [node1, node2] = [mesh().node('node1'), mesh().node('node2')];
    await node1.create(name());
    node2.host.plan.at('machine.restore', 'before', () => node1.crash());
    void node1.teleport(name(), 'node2').catch(() => undefined);
    await eventually('it runs there', () => node2.host.stateOf(name()) === 'running');
    node1.host.reboot();
    await node1.begin(['node2']);
    assert.equal(node1.host.stateOf(name()), 'stopped');
    await assert.rejects(node1.start(name()), /in a hand-over to node2/);
    await restart(node1);
    await assertAtRest(mesh(), name(), 'node2', 2);
  });

  it('with the machine: a hand-over that is open is started nowhere until the target has answered', async () => {
    const [node1, node2] = [mesh().node('node1'), mesh().node('node2')];
    await node1.create(name());
    const restore = node2.host.plan.hold('machine.restore');
    void node1.teleport(name(), 'node2').catch(() => undefined);
    await restore.reached;
    node1.crash();
    node1.host.reboot();
    mesh().cut('node1', 'node2');
    restore.goOn();
    await node1.begin();
    await eventually('it runs there', () => node2.host.stateOf(name()) === 'running');
    assert.equal(node1.host.stateOf(name()), 'stopped');
    await assert.rejects(node1.start(name()), /in a hand-over to node2/);
    mesh().heal('node1', 'node2');
    await assertAtRest(mesh(), name(), 'node2', 2);
  });
});

describe('a record that the target cannot keep', () => {
  const mesh = testMesh(['node1', 'node2']);

  it('is given back, with nothing of it left there, and then it goes', async () => {
    const [node1, node2] = [mesh().node('node1'), mesh().node('node2')];
    await node1.create(NAME);
    writeFileSync(join(node2.stateDir, 'cnvms', NAME), 'in the way');
    const ended = await node1.teleport(NAME, 'node2');
    assert.equal(ended.outcome, 'aborted', ended.error);
    assert.match(ended.error, /node2 gave it back: .*runs on node1 as before$/);
    rmSync(join(node2.stateDir, 'cnvms', NAME), { force: true });
    await assertAtRest(mesh(), NAME, 'node1', 3);
    assert.equal((await node1.teleport(NAME, 'node2')).outcome, 'succeeded');
    await assertAtRest(mesh(), NAME, 'node2', 4);
  });

  it('and what may have run at the target is not restored there again, but runs on at the source', async () => {
    const [node1, node2] = [mesh().node('node1'), mesh().node('node2')];
    await node1.create(NAME);
    let tries = 0;
    const ran = () => Promise.reject(refused('state', 'it had begun to run when its restore failed'));
    node2.host.plan.at(
      'machine.restore',
      'before',
      () => {
        tries += 1;
      },
      { times: 2 },
    );
    node2.host.plan.at('restore.unheard', 'before', ran);
    const ended = await node1.teleport(NAME, 'node2');
    assert.equal(ended.outcome, 'aborted', ended.error);
    assert.match(ended.error, /node2 gave it back: it had begun to run .*runs on node1 as before$/);
    assert.equal(tries, 1);
    await assertAtRest(mesh(), NAME, 'node1', 3);
    assert.equal((await node1.teleport(NAME, 'node2')).outcome, 'succeeded');
  });

  it('nor its arrival noted: the record does not stay, so that no later daemon starts it', async () => {
    const [node1, node2] = [mesh().node('node1'), mesh().node('node2')];
    await node1.create(NAME);
    let entry = '';
    node2.host.plan.at('machine.restore', 'after', () => {
      entry = join(node2.stateDir, 'migrations', `${node2.journal()[0]?.migration.id ?? ''}.json`);
      rmSync(entry);
      mkdirSync(entry);
    });
    node2.host.plan.at('machine.destroy', 'before', () => rmSync(entry, { recursive: true }));
    const ended = await node1.teleport(NAME, 'node2');
    assert.equal(ended.outcome, 'aborted', ended.error);
    assert.deepEqual(readdirSync(join(node2.stateDir, 'cnvms')), []);
    await assertAtRest(mesh(), NAME, 'node1', 3);
  });

  it('and what runs cannot be taken away: it is not given back, and the next daemon keeps it', async () => {
    const [node1, node2] = [mesh().node('node1'), mesh().node('node2')];
    await node1.create(NAME);
    const inTheWay = join(node2.stateDir, 'cnvms', NAME);
    writeFileSync(inTheWay, '');
    node2.host.plan.fail('machine.destroy', 'before');
    const moving = node1.teleport(NAME, 'node2');
    await eventually('it was tried', () => node2.host.plan.unmet().length === 0);
    const client = createPeerClient({ name: 'node2', endpoint: node2.endpoint() }, fixedTrust(node1.tls));
    const id = node2.journal()[0]?.migration.id ?? '';
    await assert.rejects(client.target.handOver(id, 2, { timeoutMs: 5_000 }));
    client.close();
    assert.equal(node2.journal()[0]?.state, 'activating');
    rmSync(inTheWay, { force: true });
    assert.equal(node2.host.stateOf(NAME), 'running');
    assert.equal(node1.host.stateOf(NAME), 'frozen');
    node2.crash();
    await node2.begin();
    const ended = await moving;
    assert.equal(ended.outcome, 'succeeded', ended.error);
    assert.equal(node2.host.stateOf(NAME), 'running');
    assert.equal(node1.host.stateOf(NAME), 'stopped');
  });
});

describe('a link that breaks', () => {
  const mesh = testMesh(['node1', 'node2']);

  it('before the hand-over: it runs on where it was, and says so', async () => {
    const node1 = mesh().node('node1');
    await node1.create(NAME);
    node1.host.plan.at('machine.dump', 'before', () => mesh().cut('node1', 'node2'));
    const ended = await node1.teleport(NAME, 'node2');
    assert.equal(ended.outcome, 'aborted', ended.error);
    assert.match(ended.error, /runs on node1 as before$/);
    assert.equal(node1.host.stateOf(NAME), 'running');
    mesh().heal('node1', 'node2');
    const letGo = () => mesh().node('node2').journal()[0]?.settled === true;
    await eventually('the target to hear that it was called off', letGo);
    await Promise.all(mesh().nodes.map((node) => node.hearsAll()));
    const again = await node1.teleport(NAME, 'node2');
    assert.equal(again.outcome, 'succeeded', again.error);
    await assertAtRest(mesh(), NAME, 'node2', 2);
  });

  for (const [moment, tries, owner, epoch] of [
    ['before', 0, 'node2', 2],
    ['after', 0, 'node2', 2],
    ['before', 2, 'node1', 3],
  ] as const) {
    it(`${moment} the restore, which fails ${tries} times: frozen until it heals, and then on ${owner} alone`, async () => {
      const [node1, node2] = [mesh().node('node1'), mesh().node('node2')];
      await node1.create(NAME);
      node1.host.remember(NAME, 'mine', 'kept');
      const cut = new Promise<void>((resolve) => {
        node2.host.plan.at('machine.restore', moment, () => {
          mesh().cut('node1', 'node2');
          resolve();
        });
      });
      if (tries > 0) node2.host.plan.fail('machine.restore', 'before', { times: tries });
      const moving = node1.teleport(NAME, 'node2');
      await cut;
      await eventually('the target is done', () => ['running', 'returned'].includes(node2.journal()[0]?.state ?? ''));
      assert.equal(node1.host.stateOf(NAME), 'frozen');
      await assert.rejects(node1.start(NAME), /being moved to node2/);
      mesh().heal('node1', 'node2');
      const ended = await moving;
      assert.equal(ended.outcome, owner === 'node2' ? 'succeeded' : 'aborted', ended.error);
      await Promise.all(mesh().nodes.map((node) => node.hearsAll()));
      await assertAtRest(mesh(), NAME, owner, epoch);
      assert.equal(mesh().node(owner).host.recall(NAME, 'mine'), 'kept');
    });
  }

  it('when it is let go: it runs there, and nothing is left here', async () => {
    const node1 = mesh().node('node1');
    await node1.create(NAME);
    node1.host.plan.at('machine.erase', 'before', () => mesh().cut('node1', 'node2'));
    assert.equal((await node1.teleport(NAME, 'node2')).outcome, 'succeeded');
    mesh().heal('node1', 'node2');
    await Promise.all(mesh().nodes.map((node) => node.hearsAll()));
    await assertAtRest(mesh(), NAME, 'node2', 2);
  });
});
