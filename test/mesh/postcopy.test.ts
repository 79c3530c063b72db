/** Post-copy between daemons: what runs at the target has its own memory or has ended, and everybody says the same. */
import assert from 'node:assert/strict';
import { Compression, MemoryMode } from '../../src/gen/cnvm/v1/migration.js';
import { record } from '../support/samples.js';
import { assertAtRest, eventually, ownName, testMesh } from './support.js';

/** More pages of memory than are asked for ahead, each other than the next. */
const LINES = Array.from({ length: 60_000 }, (_, line) => `line ${line}`).join('\n');

describe('post-copy', () => {
  const mesh = testMesh(['node1', 'node2'], 'all');
  const name = ownName(mesh);
  const ends = () => [mesh().node('node1'), mesh().node('node2')] as const;

  async function made(): Promise<void> {
    const [node1] = ends();
    await node1.create(name());
    node1.host.remember(name(), 'lines', LINES);
    node1.host.write(name(), '/root/diary', 'monday');
  }
  /** It runs on node2 and waits for its second page. */
  async function between() {
    await made();
    const [node1, node2] = ends();
    const held = holdSecondPage();
    const moving = node1.teleport(name(), 'node2', 'post-copy');
    moving.catch(() => undefined);
    await held.reached;
    await eventually('it runs on node2', () => node2.journal()[0]?.state === 'paging');
    assert.equal(node2.host.stateOf(name()), 'running');
    assert.equal(node1.host.stateOf(name()), 'frozen');
    assert.throws(() => node2.host.recall(name(), 'lines'), /waits for its memory/);
    return { node1, node2, moving, goOn: held.goOn };
  }
  function holdSecondPage() {
    const { plan } = ends()[1].host;
    let goOn: () => void = () => undefined;
    const free = new Promise<void>((resolve) => {
      goOn = resolve;
    });
    const reached = new Promise<void>((resolve) => {
      const act = async () => {
        resolve();
        await free;
      };
      plan.at('pages.ask', 'before', act, { from: 2 });
    });
    return { reached, goOn };
  }
  async function assertWhole(): Promise<void> {
    const [, node2] = ends();
    assert.equal(node2.host.recall(name(), 'lines'), LINES);
    assert.equal(node2.host.filesOf(name())?.['/root/diary'], 'monday');
    await assertAtRest(mesh(), name(), 'node2', 2);
  }

  it('runs there at once, its memory follows, and then the source lets go', async () => {
    const { node2, moving, goOn } = await between();
    goOn();
    const ended = await moving;
    assert.deepEqual([ended.outcome, ended.location], ['succeeded', 'node2'], ended.error);
    await assertWhole();
    // It is as good as any other.
    assert.equal((await node2.teleport(name(), 'node1', 'post-copy')).outcome, 'succeeded');
    assert.equal(ends()[0].host.recall(name(), 'lines'), LINES);
    await assertAtRest(mesh(), name(), 'node1', 3);
  });

  it('says before what it costs, and that no memory moves while it is frozen', async () => {
    await made();
    const [node1] = ends();
    const plan = await node1.plan(name(), 'node2', { postCopy: true });
    assert.deepEqual([plan.memoryMode, plan.refusals], [MemoryMode.POST_COPY, []]);
    assert.match(plan.warnings.join(), /its disk is whole, its memory is lost/);
    const ended = await node1.teleport(name(), 'node2', 'post-copy');
    assert.ok(ended.steps?.some((step) => /^warning: post-copy: .* its memory is lost/.test(step)));
    const [entry] = node1.journal();
    assert.deepEqual([entry?.migration.memoryMode, entry?.migration.memoryRounds], ['post-copy', []]);
    await assertWhole();
  });

  it('its memory comes compressed, at a limited rate, over a link that is cut', async () => {
    await made();
    const [node1] = ends();
    const held = holdSecondPage();
    const wishes = { compress: Compression.ZSTD, bandwidth: 1_000_000 };
    const moving = node1.teleport(name(), 'node2', 'post-copy', '', wishes);
    await held.reached;
    mesh().cut('node1', 'node2');
    held.goOn();
    mesh().heal('node1', 'node2');
    assert.equal((await moving).outcome, 'succeeded');
    await assertWhole();
  });

  it('outlives a link that is cut and healed', async () => {
    const { moving, goOn } = await between();
    mesh().cut('node1', 'node2');
    goOn();
    await eventually('the stall is felt', () => ends()[1].host.stateOf(name()) === 'running');
    mesh().heal('node1', 'node2');
    assert.equal((await moving).outcome, 'succeeded');
    await assertWhole();
  });

  it('outlives a source daemon that dies: the next one serves the frozen copy', async () => {
    const { node1, goOn } = await between();
    node1.crash();
    goOn();
    await node1.begin();
    await eventually('all of it is there', () => ends()[1].journal()[0]?.state === 'running', 10_000);
    await assertWhole();
  });

  it('outlives a source daemon that is told to stop', async () => {
    const { node1, moving, goOn } = await between();
    await node1.stop();
    goOn();
    await node1.begin();
    await moving.catch(() => undefined);
    await eventually('all of it is there', () => ends()[1].journal()[0]?.state === 'running', 10_000);
    await assertWhole();
  });

  it('is lost with the memory of its source, says so, and its disk stays', async () => {
    const { node1, node2, goOn } = await between();
    node1.crash();
    node1.host.reboot();
    goOn();
    await node1.begin();
    await eventually('it has ended', () => node2.host.stateOf(name()) === 'stopped', 10_000);
    await assertAtRest(mesh(), name(), 'node2', 2, 'stopped');
    const [last] = node2.journal();
    assert.deepEqual([last?.state, last?.migration.outcome], ['lost', 'stranded']);
    assert.match(last?.migration.error ?? '', /its memory was on two machines/);
    await node2.start(name());
    assert.equal(node2.host.filesOf(name())?.['/root/diary'], 'monday');
  });

  it('is lost with the daemon of its target, and the source hears of it', async () => {
    const { node2, moving } = await between();
    node2.crash();
    // What outlives a daemon is waited for by the next one; here, by us.
    await eventually('it has ended', () => node2.host.stateOf(name()) === 'stopped');
    await node2.begin();
    const ended = await moving;
    assert.deepEqual([ended.outcome, ended.location], ['stranded', 'node2'], ended.error);
    assert.match(ended.error, /is lost: its memory was on two machines/);
    await assertAtRest(mesh(), name(), 'node2', 2, 'stopped');
  });

  it('is kept by the next daemon of its target when all of it had come', async () => {
    await made();
    const [node1, node2] = ends();
    const moving = node1.teleport(name(), 'node2', 'post-copy');
    moving.catch(() => undefined);
    await eventually('all of it is there', () => node2.host.machine.hasMemory({ ...record, name: name() }));
    node2.crash();
    await node2.begin();
    assert.equal((await moving).outcome, 'succeeded');
    await assertWhole();
  });

  for (const [what, step] of [
    ['the dump', 'dump.held'],
    ['the memory', 'machine.openMemory'],
  ] as const) {
    it(`runs on at the source when ${what} fails`, async () => {
      await made();
      const [node1] = ends();
      node1.host.plan.fail(step, 'before');
      const ended = await node1.teleport(name(), 'node2', 'post-copy');
      assert.equal(ended.outcome, 'aborted', ended.error);
      await assertAtRest(mesh(), name(), 'node1', 1);
      assert.equal(node1.host.recall(name(), 'lines'), LINES);
    });
  }

  it('runs on at the source when it cannot be restored', async () => {
    await made();
    const [node1, node2] = ends();
    node2.host.plan.fail('machine.restoreLazily', 'before', { times: 2 });
    const ended = await node1.teleport(name(), 'node2', 'post-copy');
    assert.equal(ended.outcome, 'aborted', ended.error);
    await assertAtRest(mesh(), name(), 'node1', 3);
    assert.equal(node1.host.recall(name(), 'lines'), LINES);
    assert.equal((await node1.teleport(name(), 'node2', 'post-copy')).outcome, 'succeeded');
  });

  it('of what is stopped is refused', async () => {
    const [node1] = ends();
    await node1.create(name(), { start: false });
    await assert.rejects(node1.teleport(name(), 'node2', 'post-copy'), /no memory that could follow/);
    await assertAtRest(mesh(), name(), 'node1', 1, 'stopped');
  });
});
