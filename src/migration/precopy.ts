/**
 * Memory that moves while the cnvm runs, told by its source; `take-rounds.ts` is its mirror. Invariant: a round builds on
 * another only when both ends have all of that one; after one that broke the next begins anew with all of the memory,
 * since what had changed before it the kernel may have forgotten. No dump outlives its round.
 */
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { CnvmError, messageOf } from '../base/errors.js';
import { failureOf } from '../base/failure-of.js';
import { msFigure, PAGE_BYTES } from '../base/figures.js';
import type { MemoryTaken, PreDump } from '../cnvms/machine.js';
import { type Expectation, expectation, expectDowntime, judge, type Verdict } from './convergence.js';
import type { MemoryRound } from './migration.js';
import type { RoundTaken } from './peer-port.js';
import type { RoundBegins } from './report.js';
import { stepText } from './round-text.js';
import { type LastRound, layoutHere, type SourceRun } from './source-run.js';

/** How it goes; the rounds are those that build on each other. */
interface Course {
  readonly rounds: MemoryRound[];
  /** The number of the latest that was tried. */
  tried: number;
  /** In a row. */
  broken: number;
  /** When the memory was as the latest whole round has it, by this process's clock. */
  takenAtMs: number;
  cpuPercent: number;
  /** What the processes used when they were throttled first; thousandths of a CPU. */
  usedMillis: number | undefined;
  cpu: CpuUse;
}

interface CpuUse {
  /** All that they have used, and when that was so, by this process's clock. */
  readonly usedMs: number;
  readonly atMs: number;
  /** Of late; thousandths of a CPU. */
  readonly millis: number;
}

/** In a row; with the waits between them a link may be gone for 7 s. */
const BROKEN_MAX = 4;
/** In a row: criu may have met a process that was just ending. */
const FAILED_HERE_MAX = 2;
/** Before a round that broke is tried again, doubled each time. */
const AGAIN_MS = 500;

/** Afterwards it is time to freeze it. @throws when it is not to be frozen: it runs on here then, as fast as before. */
export async function precopy(run: SourceRun): Promise<void> {
  const { report, ports, record } = run;
  if (run.memoryMode !== 'pre-copy') return;
  report.phase('precopy');
  const cpu = { usedMs: await ports.machine.cpuMs(record), atMs: performance.now(), millis: 0 };
  const course: Course = {
    ...{ rounds: [], tried: 0, broken: 0, takenAtMs: 0 },
    ...{ cpuPercent: 100, usedMillis: undefined, cpu },
  };
  for (;;) {
    const verdict = judge({ ...course, floorMs: run.cost.floorMs }, run.aims);
    tell(run, verdict);
    if (verdict.kind === 'cancel') throw new CnvmError('aborted', `it was not frozen: ${verdict.why}`);
    if (verdict.kind === 'freeze') {
      run.lastRound = leftFor(run, course, verdict.expected);
      return;
    }
    if (verdict.kind === 'throttle') await throttle(run, course, verdict.cpuPercent);
    if (!(await nextRound(run, course, verdict))) return;
  }
}

function tell({ report }: SourceRun, { kind, why, expected }: Verdict): void {
  if (expected !== undefined) report.know({ expectedDowntimeMs: expected.downtimeMs });
  if (kind === 'freeze') report.step(`time to freeze: ${why}`);
}

/** What the dump in the freeze builds on, and how much it is expected to hold. */
function leftFor(run: SourceRun, course: Course, expected: Expectation | undefined): LastRound {
  const { memoryBytes } = run.report.migration;
  const last = course.rounds.at(-1);
  return {
    round: course.tried + 1,
    parent: last?.number ?? 0,
    bytes: expected?.bytes ?? memoryBytes,
    dirtyBytesPerSecond: last?.dirtyBytesPerSecond ?? 0,
    cpuPercent: course.cpuPercent,
  };
}

/** @returns whether there are rounds at all. @throws when too many broke. */
async function nextRound(run: SourceRun, course: Course, verdict: Verdict): Promise<boolean> {
  const { report, signal } = run;
  const parent = course.rounds.at(-1);
  course.tried += 1;
  const number = course.tried;
  const bytesTotal = Math.round(verdict.expected?.bytes ?? report.migration.memoryBytes);
  report.round({ number, bytesTotal, dirtyBytesPerSecond: parent?.dirtyBytesPerSecond ?? 0 });
  try {
    await makeRound(run, course, parent);
    course.broken = 0;
    return true;
  } catch (error) {
    signal.throwIfAborted();
    const here = error instanceof FailedHere ? error : undefined;
    if (here?.stuck) throw here.reason;
    if (here === undefined && isFinal(error)) throw error;
    course.rounds.length = 0;
    course.broken += 1;
    if (here && course.broken >= FAILED_HERE_MAX) return withoutRounds(run, course, error);
    if (course.broken > BROKEN_MAX) throw here?.reason ?? error;
    report.step(`round ${number} broke: ${messageOf(error)}; the next one begins anew, with all of the memory`);
    await sleep(AGAIN_MS * 2 ** (course.broken - 1), undefined, { signal });
    return true;
  }
}

/** criu cannot do it here, though the kernel seemed to: all of the memory moves in the freeze. */
function withoutRounds(run: SourceRun, course: Course, error: unknown): false {
  const { report, aims, cost } = run;
  const { memoryBytes } = report.migration;
  const expected = expectation(memoryBytes, cost.bytesPerSecond, cost.floorMs);
  const words = `rounds of memory cannot be made: ${messageOf(error)}; a downtime of ${msFigure(expected.downtimeMs)} is expected`;
  if (aims.strict && expected.downtimeMs > aims.maxDowntimeMs) throw new CnvmError('aborted', words);
  report.step(`warning: ${words}`);
  run.memoryMode = 'stop-copy';
  report.know({ memoryMode: 'stop-copy', expectedDowntimeMs: expected.downtimeMs });
  run.lastRound = leftFor(run, course, expected);
  return false;
}

/** The target has given up, or we have no room for it: no other round would be better. */
function isFinal(error: unknown): boolean {
  return error instanceof CnvmError && !(error.code === 'refused' && error.kind === 'unavailable');
}

/** One that did not break because of the link or the target. */
class FailedHere extends Error {
  /** @param stuck criu holds the processes and does not let go: there is nothing to be tried again. */
  constructor(
    readonly reason: unknown,
    readonly stuck: boolean,
  ) {
    super(messageOf(reason));
  }
}

/** A dump that breaks because the target has gone breaks here, too: it is no fault of ours. */
function faultOf({ outgoing }: SourceRun): (reason: unknown) => never {
  return (reason) => {
    throw outgoing.targetLeft() ? new Error(messageOf(reason)) : new FailedHere(reason, false);
  };
}

/** Afterwards both ends have it. */
async function makeRound(run: SourceRun, course: Course, parent: MemoryRound | undefined): Promise<void> {
  const { report, record, target, ports, outgoing, signal } = run;
  const order = { round: course.tried, parent: parent?.number ?? 0 };
  const way = await outgoing.open(order, await layoutHere(run));
  const taking = wholeOf(target.name, target.link.round(report.migration.id, order, { signal }));
  taking.catch(() => undefined);
  let dump: PreDump | undefined;
  try {
    // Before it begins: it asks the target what is there while the processes stand still.
    await Promise.race([outgoing.attached(), failureOf(taking)]);
    dump = await ports.machine.preDump(record, way).catch(faultOf(run));
    const taken = await Promise.race([dump.done.catch(faultOf(run)), failureOf(taking), standsStill(run, dump)]);
    await taking;
    await count(run, course, parent, taken);
  } catch (error) {
    outgoing.breakPages();
    await dump?.rollBack().catch((reason: unknown) => {
      // For who lets it run on, and says what could not be done.
      run.undo.add('dump', async () => await dump?.rollBack());
      throw new FailedHere(reason, true);
    });
    throw error;
  }
}

/**
 * Until the first of its pages comes nobody but our own criu works, and the processes stand still.
 * @throws when that takes too long; never resolves.
 */
async function standsStill({ outgoing, standstillMs }: SourceRun, dump: PreDump): Promise<never> {
  const ended = new AbortController();
  const end = () => ended.abort();
  dump.done.then(end, end);
  await sleep(standstillMs, undefined, { signal: ended.signal }).catch(() => undefined);
  const hangs = !ended.signal.aborted && outgoing.flow().fromMs === undefined;
  if (hangs) throw new FailedHere(new Error(`criu has begun nothing for ${standstillMs / 1000} s`), false);
  return await new Promise<never>(() => undefined);
}

async function wholeOf(target: string, taking: Promise<RoundTaken>): Promise<void> {
  const { broken } = await taking;
  if (broken !== '') throw new Error(`${target} has not all of it: ${broken}`);
}

async function count(
  run: SourceRun,
  course: Course,
  parent: MemoryRound | undefined,
  taken: MemoryTaken,
): Promise<void> {
  const { report, outgoing, cost, ports, record } = run;
  const now = performance.now();
  const { bytes, fromMs = now } = outgoing.flow();
  const ms = Math.max(1, now - fromMs);
  const seconds = (fromMs - course.takenAtMs) / 1000;
  const round: MemoryRound = {
    ...{ number: course.tried, frozen: false, bytes, pages: taken.pages, ms, bytesPerSecond: (bytes / ms) * 1000 },
    dirtyBytesPerSecond: parent === undefined ? 0 : bytes / Math.max(0.001, seconds),
    ...{ expectedDowntimeMs: 0, cpuPercent: course.cpuPercent },
  };
  course.takenAtMs = fromMs;
  course.cpu = useSince(course.cpu, await ports.machine.cpuMs(record));
  course.rounds.push(round);
  const expected = expectDowntime(course.rounds, cost.floorMs);
  const whole = { ...round, expectedDowntimeMs: expected?.downtimeMs ?? 0 };
  report.memoryRound(whole);
  report.step(stepText(whole, taken.frozenMs));
}

function useSince(before: CpuUse, usedMs: number): CpuUse {
  const atMs = performance.now();
  return { usedMs, atMs, millis: ((usedMs - before.usedMs) / Math.max(1, atMs - before.atMs)) * 1000 };
}

/** Gives the processes less. When that is not possible, it goes on as without it. */
async function throttle(run: SourceRun, course: Course, percent: number): Promise<void> {
  const { report, undo, ports, record } = run;
  course.cpuPercent = percent;
  try {
    if (course.usedMillis === undefined) {
      course.usedMillis = course.cpu.millis;
      undo.add('throttle', () => ports.machine.unthrottle(record));
    }
    await ports.machine.throttle(record, (course.usedMillis * percent) / 100);
    report.step(`it writes faster than the link carries: it has ${percent}% of the CPU time that it used`);
  } catch (error) {
    report.step(`warning: it cannot be throttled: ${messageOf(error)}`);
  }
}

/** The dump in the freeze, before it begins. */
export function lastBegins({ lastRound: last }: SourceRun): RoundBegins {
  return { number: Math.max(1, last.round), bytesTotal: last.bytes, dirtyBytesPerSecond: last.dirtyBytesPerSecond };
}

/** The dump in the freeze, when the target has it. criu counts its pages only after the hold. */
export function lastRound({ outgoing, lastRound: last }: SourceRun): MemoryRound {
  const { bytes, fromMs = 0, untilMs } = outgoing.flow();
  const ms = Math.max(1, untilMs - fromMs);
  return {
    ...{ number: Math.max(1, last.round), frozen: true, bytes, pages: Math.floor(bytes / PAGE_BYTES), ms },
    ...{ bytesPerSecond: (bytes / ms) * 1000, dirtyBytesPerSecond: last.dirtyBytesPerSecond, expectedDowntimeMs: 0 },
    cpuPercent: last.cpuPercent,
  };
}
