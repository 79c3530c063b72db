/** What somebody sees who watches, at any node, through moves, deaths and partitions. */
import assert from 'node:assert/strict';
import { CnvmState } from '../../src/gen/cnvm/v1/cnvm.js';
import { MigrationOutcome } from '../../src/gen/cnvm/v1/migration.js';
import { NodeState } from '../../src/gen/cnvm/v1/node.js';
import { WatchKind } from '../../src/gen/cnvm/v1/watch.js';
import { eventually, NAME, testMesh } from './support.js';
import { openWatcher, type Watcher } from './watcher.js';

describe('the watch', () => {
  const mesh = testMesh(['node1', 'node2', 'node3']);
  const watchers: Watcher[] = [];
  afterEach(async () => {
    await Promise.all(watchers.splice(0).map((watcher) => watcher.leave()));
  });

  async function watchAt(name: string, request?: Parameters<typeof openWatcher>[1]): Promise<Watcher> {
    const watcher = openWatcher(mesh().node(name).socket(), request);
    watchers.push(watcher);
    await eventually('a snapshot', () => watcher.mesh() !== undefined);
    return watcher;
  }
  const sees = (watcher: Watcher, event: string) =>
    eventually(`"${event}"`, () => watcher.events().includes(event)).catch((error: unknown) => {
      throw new Error(`${String(error)}; seen: ${watcher.events().join(', ')}`);
    });

  it('begins with how everything stands, at every node', async () => {
    await mesh().node('node1').create(NAME);
    await mesh().node('node3').create('stopped', { start: false });
    for (const name of ['node1', 'node2', 'node3']) {
      const watcher = await watchAt(name);
      const { node, members, cnvms } = watcher.mesh() ?? { node: '', members: [], cnvms: [] };
      assert.equal(node, name);
      assert.deepEqual(members.map((one) => one.name).sort(), ['node1', 'node2', 'node3']);
      // A busy machine has the living suspected now and then.
      await eventually('all alive', () => !!watcher.mesh()?.members.every(({ state }) => state === NodeState.ALIVE));
      assert.deepEqual(
        members.filter(({ self }) => self).map((one) => one.name),
        [name],
      );
      assert.equal(cnvms.length, 2);
      assert.equal(watcher.stateOf(NAME), 'running on node1');
      assert.equal(watcher.stateOf('stopped'), 'stopped on node3');
    }
  });

  it('tells what is done with a cnvm of any node', async () => {
    const far = await watchAt('node3');
    const node1 = mesh().node('node1');
    await node1.create(NAME);
    await sees(far, `CNVM_CREATED ${NAME}`);
    await node1.stopCnvm(NAME);
    await sees(far, `CNVM_STOPPED ${NAME}`);
    await node1.start(NAME);
    await sees(far, `CNVM_STARTED ${NAME}`);
    await node1.remove(NAME);
    await sees(far, `CNVM_REMOVED ${NAME}`);
    assert.deepEqual(far.mesh()?.cnvms, []);
  });

  it('tells at a third node of a migration: its begin, its phases in order, its end with the downtime', async () => {
    await mesh().node('node1').create(NAME);
    const far = await watchAt('node3');
    const ended = await mesh().node('node1').teleport(NAME, 'node2');
    assert.equal(ended.outcome, 'succeeded');
    await sees(far, `MIGRATION_ENDED ${NAME}`);
    await sees(far, `CNVM_MOVED ${NAME}`);
    await eventually('the cnvm at its new owner', () => far.stateOf(NAME) === 'running on node2');
    assert.equal(
      far.events().find((event) => !event.startsWith('MEMBER_')),
      `MIGRATION_BEGUN ${NAME}`,
    );
    const phases = far.seen.flatMap((item) =>
      item.kind === 'event' && item.event.subject?.$case === 'migration' && !/PROGRESS/.test(item.event.type)
        ? [item.event.subject.value.phase.replace('MIGRATION_PHASE_', '')]
        : [],
    );
    const inOrder = ['NEGOTIATE', 'SEED', 'FREEZE', 'HAND_OVER', 'ACTIVATE', 'RELEASE'];
    assert.deepEqual(
      phases.filter((phase, at) => inOrder.includes(phase) && phases.indexOf(phase) === at),
      inOrder,
    );
    const last = far.mesh()?.migrations.find(({ id }) => id === ended.id);
    assert.equal(last?.outcome, MigrationOutcome.SUCCEEDED);
    assert.ok((last?.freezeMs ?? 0) > 0, 'the downtime');
    assert.ok((last?.phases.length ?? 0) >= inOrder.length, 'how long each phase took');
    assert.equal(far.events().filter((event) => event === `MIGRATION_ENDED ${NAME}`).length, 1);
  });

  it('has a migration that runs in its first snapshot, with the cnvm as its owner says it is', async () => {
    const node1 = mesh().node('node1');
    await node1.create(NAME);
    let go: () => void = () => undefined;
    const held = new Promise<void>((resolve) => {
      go = resolve;
    });
    node1.host.plan.at('machine.freeze', 'after', () => held);
    const moving = node1.teleport(NAME, 'node2');
    await eventually('the freeze', () => node1.host.stateOf(NAME) !== 'running');
    const far = await watchAt('node3');
    const [running] = far.mesh()?.migrations ?? [];
    assert.equal(running?.outcome, MigrationOutcome.RUNNING);
    assert.equal(running?.source, 'node1');
    await eventually('the frozen cnvm', () => far.stateOf(NAME) === 'frozen on node1');
    go();
    assert.equal((await moving).outcome, 'succeeded');
    await sees(far, `MIGRATION_ENDED ${NAME}`);
  });

  it('tells that it runs at its new owner while the copy behind is still being cleared away', async () => {
    const node1 = mesh().node('node1');
    await node1.create(NAME);
    const far = await watchAt('node3');
    const erase = node1.host.plan.hold('machine.erase');
    const moving = node1.teleport(NAME, 'node2');
    await erase.reached;
    try {
      assert.equal((await mesh().node('node2').inspect(NAME))?.state, CnvmState.RUNNING);
      await eventually('the cnvm at its new owner', () => far.stateOf(NAME) === 'running on node2');
    } finally {
      erase.goOn();
    }
    assert.equal((await moving).outcome, 'succeeded');
  });

  it('tells of a node that dies and of one that comes back', async () => {
    const watcher = await watchAt('node1');
    mesh().node('node3').crash();
    await eventually('its death', () => watcher.events().includes('MEMBER_DEAD node3'), 15_000);
    await mesh().node('node3').begin();
    await eventually('its return', () => watcher.events().includes('MEMBER_ALIVE node3'), 15_000);
  });

  it('goes on through a partition: what was missed is told when it has healed', async () => {
    const watcher = await watchAt('node1');
    mesh().cut('node1', 'node3');
    await mesh().node('node3').create(NAME);
    await mesh().node('node3').stopCnvm(NAME);
    mesh().heal('node1', 'node3');
    await eventually('the cnvm', () => watcher.stateOf(NAME) === 'stopped on node3', 15_000);
    await mesh().node('node3').start(NAME);
    await eventually('its start', () => watcher.stateOf(NAME) === 'running on node3', 15_000);
  });

  it('shows which nodes take no new cnvms', async () => {
    const watcher = await watchAt('node1');
    const cordoned = () => watcher.mesh()?.members.flatMap((one) => (one.cordoned ? [one.name] : [])) ?? [];
    assert.deepEqual(cordoned(), []);
    await mesh().node('node2').cordon('node2', 'to be mended');
    await eventually('node2 as cordoned', () => cordoned().join() === 'node2', 15_000);
    await mesh().node('node2').uncordon('node2');
    await eventually('none', () => cordoned().length === 0, 15_000);
  });

  it('leaves out what is not asked for', async () => {
    const members = await watchAt('node1', { kinds: [WatchKind.MEMBER], name: '' });
    const web = await watchAt('node1', { kinds: [], name: 'web' });
    await mesh().node('node2').create('web');
    await mesh().node('node2').create('db');
    await sees(web, 'CNVM_CREATED web');
    await mesh().node('node2').remove('web');
    await sees(web, 'CNVM_REMOVED web');
    assert.deepEqual(
      web.events().filter((event) => event.endsWith('db')),
      [],
    );
    assert.deepEqual(
      members.events().filter((event) => !event.startsWith('MEMBER_')),
      [],
    );
    assert.deepEqual(members.mesh()?.cnvms, []);
  });

  it('is ended for those who watch at a node that stops, with an error that says so', async () => {
    const watcher = await watchAt('node2');
    await mesh().node('node2').stop();
    await eventually('the end', () => watcher.failure() !== undefined);
    assert.match(String(watcher.failure()), /shutting down|node2|cnvmd/);
    await mesh().node('node2').begin();
  });
});
