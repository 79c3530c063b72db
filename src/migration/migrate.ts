/**
 * A migration, told by its source. Read this first; `receive.ts` is its mirror.
 * Invariant: until the hand-over every failure ends with the cnvm running here as before; after it only the target's
 * word decides, and silence is never guessed at.
 */
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { abortable } from '../base/abortable.js';
import type { CnvmError } from '../base/errors.js';
import { watchWallClock } from '../base/wall-clock.js';
import { drain } from './drain.js';
import { heldOrWhyNot } from './held.js';
import { canTellChanges, changedSinceSeed, watchChanges } from './last-pass.js';
import { negotiate } from './offer.js';
import { rolledBack, stillInDoubt } from './outcome.js';
import type { HandOverResult } from './peer-port.js';
import { bringMemory, lost, offerMemory } from './postcopy.js';
import { lastBegins, lastRound, precopy } from './precopy.js';
import { afterQuery } from './protocol.js';
import { attempt, handedOver, release } from './release.js';
import { CALL_MS, layoutHere, note, type SourceRun } from './source-run.js';

/** How long the target's word is waited for before people are told that it is not known. */
const DOUBT_AFTER_MS = 30_000;
const ASK_AGAIN_MS = 500;

/** Afterwards the target owns it. @throws `refused`, `aborted` or `in-doubt`, and that is true then. */
export async function migrate(run: SourceRun): Promise<void> {
  try {
    await negotiate(run);
    await seed(run);
    const watching = watchChanges(run);
    await precopy(run);
    await watching;
    await prepare(run);
    await freeze(run);
    await note(run, 'handing-over');
    // It has not been said yet.
    run.signal.throwIfAborted();
  } catch (error) {
    throw await rollBack(run, error);
  }
  // The point of no return: the target may run it from here on, so nothing is thawed but on the target's own word.
  await handOver(run);
}

/** From the point of no return to the end. Also what a daemon does that finds a hand-over in its journal. */
export async function handOver(run: SourceRun): Promise<void> {
  run.report.phase('hand-over');
  const asked = new AbortController();
  // Who has heard a person's word must not ask for the opposite any more.
  const result = await Promise.race([settle(run, asked.signal), run.forced]).finally(() => asked.abort());
  if (result.kind === 'returned') {
    // By the target's durable word it is ours: a disk that is full must not keep it frozen.
    await attempt(run, 'keep its epoch', () => run.ports.keep({ ...run.record, epoch: result.epoch }));
    run.report.know({ epoch: result.epoch });
    run.ports.announce();
    throw await rollBack(run, new Error(result.reason));
  }
  await handedOver(run, result);
  const ended = run.postCopy ? await bringMemory(run) : undefined;
  await release(run);
  if (ended?.word === 'lost') throw lost(run.record.name, run.target.name, ended.reason);
}

async function seed(run: SourceRun): Promise<void> {
  const { report, record, target, ports, signal } = run;
  run.clockWasSet = watchWallClock();
  const flushedMs = await ports.machine.flushDisk(record);
  report.phase('seed', report.migration.diskBytes);
  const { diskBytes } = await target.link.seed(report.migration.id, { signal });
  // By a clock that was set meanwhile no file's time says when it was changed.
  run.flushedMs = run.clockWasSet() ? 0 : flushedMs;
  report.know({ diskBytes });
  report.step(`disk copied while it ran: ${diskBytes} bytes`);
}

/** Afterwards a page server at the target waits for our dump, and the dump for the freeze. */
async function prepare(run: SourceRun): Promise<void> {
  const { report, record, target, signal, undo, outgoing, ports, lastRound: order } = run;
  outgoing.holdDisk();
  const way = run.mode === 'hot' ? await outgoing.open(order, await layoutHere(run)) : undefined;
  const changes = canTellChanges(run);
  const prepared = await target.link.prepare(
    report.migration.id,
    { ...order, changes, flushedMs: run.flushedMs },
    { signal },
  );
  run.tellChanges = changes && prepared.changes;
  // Taken back after the dump, which must have let go of it by then.
  undo.add('freeze', async () => {
    if (run.frozenAtMs !== undefined) await wake(run);
  });
  if (way === undefined) return;
  const dump = await ports.machine.dump(record, { ...way, lazy: run.postCopy });
  run.dump = dump;
  undo.add('dump', () => dump.rollBack());
  undo.add('pages', () => outgoing.breakPages());
  await abortable(dump.ready, signal);
  outgoing.imagesReady();
}

/** Afterwards nothing of it runs, and the target has all of it. */
async function freeze(run: SourceRun): Promise<void> {
  const { report, record, target, signal, ports, outgoing, dump } = run;
  signal.throwIfAborted();
  if (dump !== undefined) await drain(run);
  await note(run, 'frozen');
  report.phase('freeze');
  if (dump !== undefined && !run.postCopy) report.round(lastBegins(run));
  run.frozenAtMs = performance.now();
  await report.part('fence', () => (dump === undefined ? stop(run) : ports.machine.freeze(record)));
  // What is throttled would be dumped as slowly.
  if (run.lastRound.cpuPercent < 100) await ports.machine.unthrottle(record);
  dump?.begin();
  const changed = run.tellChanges ? await report.part('changes', () => changedSinceSeed(run)) : undefined;
  outgoing.releaseDisk(changed?.length !== 0);
  const collecting = target.link.collect(report.migration.id, changed, { signal });
  // It fails, too, when the dump does, and then nobody waits for it.
  collecting.catch(() => undefined);
  if (dump !== undefined) await report.part('dump', () => heldOrWhyNot(dump, collecting, outgoing.targetLeft));
  if (run.postCopy) await offerMemory(run);
  outgoing.imagesComplete();
  const collected = await report.part('transfer', () => collecting);
  signal.throwIfAborted();
  if (dump !== undefined && !run.postCopy) report.memoryRound(lastRound(run));
  report.parts(collected.parts);
  report.know({ diskBytes: report.migration.diskBytes + collected.diskBytes });
  report.step('frozen, and all of it is at the target');
}

/** The target's word, however long it takes to hear it. @throws `in-doubt` when it is not heard for long. */
async function settle(run: SourceRun, signal: AbortSignal): Promise<HandOverResult> {
  const { link, name } = run.target;
  const { id } = run.report.migration;
  const until = performance.now() + DOUBT_AFTER_MS;
  for (;;) {
    try {
      return fromTarget(name, await link.handOver(id, run.record.epoch + 1, { timeoutMs: DOUBT_AFTER_MS, signal }));
    } catch (error) {
      signal.throwIfAborted();
      const standing = await link.query(id, { timeoutMs: CALL_MS, signal }).catch(() => undefined);
      const known = standing === undefined ? undefined : afterQuery(standing, run.record.epoch + 1);
      if (known !== undefined) return fromTarget(name, known);
      if (performance.now() > until) throw stillInDoubt(error, run.record.name, name);
      await sleep(ASK_AGAIN_MS, undefined, { signal });
    }
  }
}

function fromTarget(name: string, result: HandOverResult): HandOverResult {
  return result.kind === 'running' ? result : { ...result, reason: `${name} gave it back: ${result.reason}` };
}

/** Takes back all that was done. @returns what to tell. */
async function rollBack(run: SourceRun, error: unknown): Promise<CnvmError> {
  const { ports, record, running, report } = run;
  const failed = await run.undo.run();
  // A dump that does not let go of it holds it, whatever else was done.
  const stuck = failed.includes('freeze') || failed.includes('dump');
  // One that could not be let run on is not settled: the next daemon tries again.
  if (!stuck && ports.journal.get(report.migration.id) !== undefined)
    await attempt(run, 'note', () => note(run, 'kept'));
  const begun = report.migration.phase !== 'negotiate';
  const look = await ports.machine.look(record).catch(() => undefined);
  const ended = running && look?.status === 'stopped';
  return rolledBack(error, { source: ports.node, name: record.name, runs: running, stuck, ended, begun });
}

async function stop(run: SourceRun): Promise<void> {
  if (run.running) await run.ports.machine.halt(run.record, COLD_GRACE_MS);
}
const COLD_GRACE_MS = 10_000;

/** Lets it run on as it did. */
export async function wake({ record, mode, running, dump, ports }: SourceRun): Promise<void> {
  // A stop that failed may have left it running, and to start it once more would end it; a machine that was restarted has
  // left nothing to thaw. What we have frozen ourselves is frozen.
  const ours = mode === 'hot' && dump !== undefined;
  if (ours || (await ports.machine.look(record)).status !== 'stopped') await ports.machine.thaw(record);
  else if (running) await ports.machine.boot(record);
}
