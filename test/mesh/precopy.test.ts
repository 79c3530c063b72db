/** Memory in rounds: what converges and what does not, what breaks on the way, and that nothing of it is ever lost. */
import assert from 'node:assert/strict';
import { OnSlow } from '../../src/gen/cnvm/v1/migration.js';
import type { Writer } from './fake-state.js';
import { assertAtRest, eventually, NAME, testMesh } from './support.js';

const MIB = 1024 * 1024;
/** Less than any freeze takes: the rounds go on while they pay. */
const AS_SHORT_AS_CAN_BE = { maxDowntimeMs: 1 };
/** All of it anew between two rounds, whatever it has of the CPU. */
const outruns: Writer = () => 4 * MIB;
/** The less it has of the CPU the less it writes. */
const slowsDown: Writer = (_, cpuMillis) => (cpuMillis === undefined ? 8 * MIB : (cpuMillis / 1000) * MIB);

describe('pre-copy', function () {
  // Round after round of memory, which both ends sum, within one process.
  this.timeout(90_000);
  const mesh = testMesh(['node1', 'node2']);
  const nodes = () => [mesh().node('node1'), mesh().node('node2')] as const;
  const listed = (rounds: readonly { number: number; frozen: boolean }[]) =>
    rounds.map(({ number, frozen }) => `${number}${frozen ? ' frozen' : ''}`).join(', ');

  it('brings what was written before, between, and after the rounds', async () => {
    const [node1, node2] = nodes();
    await node1.create(NAME);
    for (const key of ['before', 'between', 'after']) node1.host.remember(NAME, key, 'old');
    node1.host.writes(NAME, (count) => 4 * MIB * 0.3 ** (count - 1));
    node1.host.plan.at('preDump.taken', 'after', () => node1.host.remember(NAME, 'between', 'new'));
    node1.host.plan.at('machine.freeze', 'before', () => node1.host.remember(NAME, 'after', 'new'));
    const ended = await node1.teleport(NAME, 'node2', 'hot', '', AS_SHORT_AS_CAN_BE);
    assert.equal(ended.outcome, 'succeeded', ended.error);
    assert.deepEqual(
      ['before', 'between', 'after'].map((key) => node2.host.recall(NAME, key)),
      ['old', 'new', 'new'],
    );
    assert.equal(ended.memoryMode, 'pre-copy');
    assert.ok(ended.rounds.length >= 3, listed(ended.rounds));
    assert.ok(ended.rounds.every(({ frozen }, index) => frozen === (index === ended.rounds.length - 1)));
    const bytes = ended.rounds.map((round) => Number(round.bytes));
    assert.ok((bytes[0] ?? 0) > 4 * MIB && (bytes.at(-1) ?? 0) < MIB, bytes.join());
    assert.match(ended.steps.join('\n'), /round 2: .* written meanwhile at .* expected downtime \d+ ms/);
    assert.match(ended.steps.join('\n'), /time to freeze: expected downtime \d+ ms .* over 1 ms/);
    await assertAtRest(mesh(), NAME, 'node2', 2);
  });

  it('is one round when all of the memory is moved in time anyway', async () => {
    const [node1] = nodes();
    await node1.create(NAME);
    const ended = await node1.teleport(NAME, 'node2', 'hot', '', { maxDowntimeMs: 60_000 });
    assert.equal(listed(ended.rounds), '1, 2 frozen', ended.error);
    assert.ok(ended.expectedDowntimeMs > 0);
  });

  it('freezes what outruns the link all the same, when it may', async () => {
    const [node1, node2] = nodes();
    await node1.create(NAME);
    node1.host.remember(NAME, 'mine', 'kept');
    node1.host.writes(NAME, outruns);
    const ended = await node1.teleport(NAME, 'node2', 'hot', '', AS_SHORT_AS_CAN_BE);
    assert.equal(ended.outcome, 'succeeded', ended.error);
    assert.ok(ended.rounds.length >= 4 && ended.rounds.length < 12, listed(ended.rounds));
    assert.equal(node2.host.recall(NAME, 'mine'), 'kept');
  });

  it('leaves it where it is, when it is to be cancelled', async () => {
    const [node1] = nodes();
    await node1.create(NAME);
    node1.host.writes(NAME, outruns);
    const aims = { ...AS_SHORT_AS_CAN_BE, onSlow: OnSlow.CANCEL };
    const ended = await node1.teleport(NAME, 'node2', 'hot', '', aims);
    assert.equal(ended.outcome, 'aborted');
    assert.match(
      ended.error,
      /not frozen: expected downtime \d+ ms .* no better than before; .* runs on node1 as before/,
    );
    assert.ok(!ended.rounds.some(({ frozen }) => frozen));
    await assertAtRest(mesh(), NAME, 'node1', 1);
  });

  it('throttles it step by step, and never for longer than it moves', async () => {
    const [node1, node2] = nodes();
    await node1.create(NAME);
    node1.host.writes(NAME, slowsDown);
    const held: (number | undefined)[] = [];
    const note = () => void held.push(node1.host.cpuOf(NAME));
    node1.host.plan.at('preDump.taken', 'before', note, { times: 100 });
    node1.host.plan.at('dump.held', 'before', note);
    const aims = { ...AS_SHORT_AS_CAN_BE, onSlow: OnSlow.THROTTLE };
    const ended = await node1.teleport(NAME, 'node2', 'hot', '', aims);
    assert.equal(ended.outcome, 'succeeded', ended.error);
    const percents = ended.rounds.map(({ cpuPercent }) => cpuPercent);
    assert.ok(percents.includes(100) && percents.includes(50), percents.join());
    assert.ok(
      held.some((millis) => millis !== undefined && millis > 400 && millis < 600),
      held.join(),
    );
    assert.equal(held.at(-1), undefined, 'it is dumped as fast as it can be');
    assert.equal(node2.host.cpuOf(NAME), undefined);
    await assertAtRest(mesh(), NAME, 'node2', 2);
  });

  for (const [what, step] of [
    ['is called off', 'abort'],
    ['fails', 'fail'],
    ['loses its daemon', 'crash'],
  ] as const) {
    it(`leaves nothing throttled when it ${what}`, async () => {
      const [node1] = nodes();
      await node1.create(NAME);
      node1.host.writes(NAME, slowsDown);
      const held = node1.host.plan.hold('machine.throttle', 'after');
      const aims = { ...AS_SHORT_AS_CAN_BE, onSlow: OnSlow.THROTTLE };
      const moving = node1.teleport(NAME, 'node2', 'hot', '', aims).catch(() => undefined);
      await held.reached;
      assert.ok((node1.host.cpuOf(NAME) ?? 0) > 0);
      if (step === 'crash') {
        node1.crash();
        held.goOn();
        await node1.begin();
      } else {
        node1.host.plan.fail('bulk.openRound', 'before');
        const abort = step === 'abort' ? node1.abort(NAME) : undefined;
        held.goOn();
        await abort;
        assert.equal((await moving)?.outcome, 'aborted');
      }
      await eventually('no throttle', () => node1.host.cpuOf(NAME) === undefined);
      assert.equal(node1.host.stateOf(NAME), 'running');
      node1.host.writes(NAME, () => 0);
      node1.host.plan.clear();
      await node1.hearsAll();
      assert.equal((await node1.teleport(NAME, 'node2')).outcome, 'succeeded');
      await assertAtRest(mesh(), NAME, 'node2', 2);
    });
  }

  it('strictly: is refused when not even a freeze without memory is short enough, and nothing changes', async () => {
    const [node1] = nodes();
    await node1.create(NAME);
    const aims = { ...AS_SHORT_AS_CAN_BE, strict: true };
    const plan = await node1.plan(NAME, 'node2', aims);
    assert.match(plan.refusals.join(), /a downtime of \d+ ms is expected; not more than 1 ms is wanted/);
    const ended = await node1.teleport(NAME, 'node2', 'hot', '', aims);
    assert.equal(ended.outcome, 'refused', ended.error);
    assert.equal(ended.error, plan.refusals.join('; '));
    await assertAtRest(mesh(), NAME, 'node1', 1);
  });

  it('strictly: is called off before the freeze when the rounds show that it would take too long', async () => {
    const [node1] = nodes();
    await node1.create(NAME);
    node1.host.writes(NAME, () => 16 * MIB);
    // Just above what is expected of it without memory.
    const { expectedDowntimeMs } = await node1.plan(NAME, 'node2');
    const aims = { maxDowntimeMs: Math.ceil(expectedDowntimeMs) + 1, strict: true };
    const ended = await node1.teleport(NAME, 'node2', 'hot', '', aims);
    assert.equal(ended.outcome, 'aborted', ended.error);
    assert.match(ended.error, /it was not frozen: expected downtime \d+ ms \(\d+\.\d MiB at .* over \d+ ms/);
    await assertAtRest(mesh(), NAME, 'node1', 1);
  });

  it('a link that is cut in a round costs that round, and not a byte', async () => {
    const [node1, node2] = nodes();
    await node1.create(NAME);
    node1.host.remember(NAME, 'early', 'old');
    node1.host.writes(NAME, (count) => (count < 5 ? 4 * MIB : 0));
    // What the kernel has forgotten to be new when the second round is taken, and the target never got.
    node1.host.plan.at('preDump.taken', 'after', () => node1.host.remember(NAME, 'early', 'new'));
    const broken = () => {
      mesh().cut('node1', 'node2');
      setTimeout(() => mesh().heal('node1', 'node2'), 100);
    };
    node1.host.plan.at('preDump.taken', 'before', broken, { from: 2 });
    const ended = await node1.teleport(NAME, 'node2', 'hot', '', AS_SHORT_AS_CAN_BE);
    assert.equal(ended.outcome, 'succeeded', ended.error);
    assert.match(ended.steps.join('\n'), /round 2 broke: .* begins anew, with all of the memory/);
    assert.ok(!ended.rounds.some(({ number }) => number === 2), listed(ended.rounds));
    assert.equal(node2.host.recall(NAME, 'early'), 'new');
    await assertAtRest(mesh(), NAME, 'node2', 2);
  });

  it('rounds that break again and again end it, and it runs on', async function () {
    this.timeout(30_000);
    const [node1, node2] = nodes();
    await node1.create(NAME);
    node2.host.plan.fail('bulk.takePages', 'before', { times: 5 });
    const ended = await node1.teleport(NAME, 'node2');
    assert.equal(ended.outcome, 'aborted');
    assert.match(ended.error, /node2 has not all of it: bulk\.takePages is broken; .* runs on node1 as before/);
    assert.deepEqual(node2.host.plan.unmet(), []);
    await assertAtRest(mesh(), NAME, 'node1', 1);
  });

  it('is called off in a round, which ends with it', async () => {
    const [node1] = nodes();
    await node1.create(NAME);
    const held = node1.host.plan.hold('preDump.taken');
    const moving = node1.teleport(NAME, 'node2');
    await held.reached;
    const abort = node1.abort(NAME);
    held.goOn();
    assert.equal((await abort).outcome, 'aborted');
    assert.equal((await moving).outcome, 'aborted');
    await assertAtRest(mesh(), NAME, 'node1', 1);
    assert.equal((await node1.teleport(NAME, 'node2')).outcome, 'succeeded');
  });

  it('a criu that hangs before it has sent anything is made to let go, and the rounds begin anew', async () => {
    const [node1, node2] = nodes();
    await node1.stop();
    await node1.begin([], { stall: 3 });
    await Promise.all(mesh().nodes.map((node) => node.hearsAll()));
    await node1.create(NAME);
    node1.host.remember(NAME, 'mine', 'kept');
    let letGo: () => void = () => undefined;
    const hangs = new Promise<void>((resolve) => {
      letGo = resolve;
    });
    node1.host.plan.at('preDump.taken', 'before', () => hangs);
    node1.host.plan.at('preDump.rollBack', 'before', () => letGo());
    const ended = await node1.teleport(NAME, 'node2');
    assert.equal(ended.outcome, 'succeeded', ended.error);
    assert.match(ended.steps.join(), /round 1 broke: criu has begun nothing for 1 s; the next one begins anew/);
    assert.deepEqual(node1.host.plan.unmet(), []);
    assert.equal(node2.host.recall(NAME, 'mine'), 'kept');
    await assertAtRest(mesh(), NAME, 'node2', 2);
  });

  it('a criu that does not let go leaves it stranded, and the next daemon tries again', async () => {
    const [node1, node2] = nodes();
    await node1.create(NAME);
    node2.host.plan.fail('bulk.takePages', 'before');
    node1.host.plan.fail('preDump.rollBack', 'before', { times: 2 });
    const ended = await node1.teleport(NAME, 'node2');
    assert.equal(ended.outcome, 'stranded', ended.error);
    await node1.stop();
    await node1.begin();
    await Promise.all(mesh().nodes.map((node) => node.hearsAll()));
    await assertAtRest(mesh(), NAME, 'node1', 1);
  });

  it('does without, and says so, where the kernel does not tell which pages change', async () => {
    const [node1, node2] = nodes();
    node1.host.track(false);
    await node1.create(NAME);
    node1.host.remember(NAME, 'mine', 'kept');
    const plan = await node1.plan(NAME, 'node2');
    const words =
      /the kernel of node1 does not tell which pages change: all of the memory moves while it is frozen, expected for \d+ ms/;
    assert.match(plan.warnings.join(), words);
    assert.equal(plan.memoryMode, 'MEMORY_MODE_STOP_COPY');
    assert.ok(plan.expectedDowntimeMs > 400);
    const ended = await node1.teleport(NAME, 'node2');
    assert.equal(ended.outcome, 'succeeded', ended.error);
    assert.match(ended.steps.join(), words);
    assert.equal(`${ended.memoryMode}: ${listed(ended.rounds)}`, 'stop-copy: 1 frozen');
    assert.equal(node2.host.recall(NAME, 'mine'), 'kept');
    // The target's kernel need not tell.
    assert.equal((await node2.teleport(NAME, 'node1')).memoryMode, 'pre-copy');
  });

  it('does without, and says so, where the peer knows no rounds, and where none are wanted', async () => {
    const [node1, node2] = nodes();
    await node2.stop();
    await node2.begin([], { rounds: 0 });
    await Promise.all(mesh().nodes.map((node) => node.hearsAll()));
    await node1.create(NAME);
    node1.host.remember(NAME, 'mine', 'kept');
    for (const [from, to] of [
      [node1, node2],
      [node2, node1],
    ] as const) {
      const ended = await from.teleport(NAME, to.name);
      assert.equal(`${ended.outcome}, ${ended.memoryMode}`, 'succeeded, stop-copy', ended.error);
      assert.match(ended.steps.join(), /node\d takes no rounds of memory, or node\d makes none/);
      assert.equal(to.host.recall(NAME, 'mine'), 'kept');
    }
  });

  it('does without, and says so, where criu cannot do it after all', async () => {
    const [node1, node2] = nodes();
    await node1.create(NAME);
    node1.host.remember(NAME, 'mine', 'kept');
    node1.host.plan.fail('machine.preDump', 'before', { times: 2 });
    const ended = await node1.teleport(NAME, 'node2');
    assert.equal(`${ended.outcome}, ${ended.memoryMode}`, 'succeeded, stop-copy', ended.error);
    assert.match(
      ended.steps.join(),
      /rounds of memory cannot be made: machine\.preDump is broken; a downtime of \d+ ms/,
    );
    assert.equal(node2.host.recall(NAME, 'mine'), 'kept');
    assert.equal(node1.host.plan.unmet().length, 0);
  });
});
