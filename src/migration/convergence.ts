/**
 * Whether another round of memory pays, pure: what the rounds so far have moved goes in, and what to do next comes out, with
 * its reason in figures. Invariant: it comes to an end, whatever the processes write: each round is either better than the
 * best before, or counted against a limit.
 */
import { mibFigure, msFigure } from '../base/figures.js';
import type { MemoryRound, OnSlow } from './migration.js';

/** What a migration aims for. */
export interface Aims {
  readonly maxDowntimeMs: number;
  /** What is done about processes that write faster than the link carries. */
  readonly onSlow: OnSlow;
  /** Rather not at all than with a longer downtime. */
  readonly strict: boolean;
  /** Rounds that are tried, those that broke included; 0: none. */
  readonly roundsMax: number;
}

/** How it has gone so far. */
export interface Course {
  /** Those that build on each other, in their order. */
  readonly rounds: readonly MemoryRound[];
  /** All that were tried. */
  readonly tried: number;
  /** What a freeze costs in which no memory moves. */
  readonly floorMs: number;
  /** Of what the processes used before they were throttled; 100 when they are not. */
  readonly cpuPercent: number;
}

export interface Expectation {
  readonly downtimeMs: number;
  /** What of it the memory takes. */
  readonly memoryMs: number;
  readonly bytes: number;
  readonly bytesPerSecond: number;
}

export type Verdict = { readonly why: string; readonly expected: Expectation | undefined } & (
  | { readonly kind: 'round' | 'freeze' | 'cancel' }
  | { readonly kind: 'throttle'; readonly cpuPercent: number }
);

/** The last dump is made ready while it runs; so long do the processes go on writing after the last round. */
const PREPARE_MS = 500;
/** A rate is measured over so many of the latest bytes: a small round is mostly the start and end of its programs. */
const RATE_BYTES = 8 * 1024 * 1024;
/** What is worth a round: part of the floor, and never less than the freeze's own noise. */
const WORTH_OF_FLOOR = 0.1;
const WORTH_MS = 20;
/** So much better than the best before is progress. */
const PROGRESS = 0.9;
/** Rounds in a row without progress; a single one may have met a burst. */
const PATIENCE_ROUNDS = 2;
/** Halved until little is left: below this the dump itself, which runs within the same quota, takes too long. */
const THROTTLE_PERCENTS = [50, 25, 12, 6];

/** What a freeze right after the last of these would cost; undefined before the first. */
export function expectDowntime(rounds: readonly MemoryRound[], floorMs: number): Expectation | undefined {
  const last = rounds.at(-1);
  if (last === undefined) return undefined;
  const all = Math.max(...rounds.map(({ bytes }) => bytes));
  // Of the first round nothing is known of what was written during it: all of it may have been.
  const written = (last.dirtyBytesPerSecond * (last.ms + PREPARE_MS)) / 1000;
  const bytes = rounds.length === 1 ? all : Math.min(all, written);
  return expectation(bytes, rateOf(rounds), floorMs);
}

/** What a freeze costs in which so many bytes move. */
export function expectation(bytes: number, bytesPerSecond: number, floorMs: number): Expectation {
  const memoryMs = bytes === 0 ? 0 : (bytes / Math.max(1, bytesPerSecond)) * 1000;
  return { downtimeMs: floorMs + memoryMs, memoryMs, bytes, bytesPerSecond };
}

/** Of the latest rounds, as many as it takes to measure. */
function rateOf(rounds: readonly MemoryRound[]): number {
  let [bytes, seconds] = [0, 0];
  for (const round of [...rounds].reverse()) {
    bytes += round.bytes;
    seconds += round.bytes / Math.max(1, round.bytesPerSecond);
    if (bytes >= RATE_BYTES) break;
  }
  return seconds === 0 ? 0 : bytes / seconds;
}

/** What to do after these rounds. */
export function judge(course: Course, aims: Aims): Verdict {
  const { rounds, tried, floorMs, cpuPercent } = course;
  const { maxDowntimeMs, strict, roundsMax } = aims;
  const expected = expectDowntime(rounds, floorMs);
  if (strict && floorMs > maxDowntimeMs) {
    const why = `a freeze takes about ${msFigure(floorMs)} here without any memory, which is over ${msFigure(maxDowntimeMs)}`;
    return { kind: 'cancel', why, expected };
  }
  if (expected === undefined) {
    if (tried < roundsMax) return { kind: 'round', why: 'all of the memory', expected };
    return last(`${tried} rounds were tried, and none was whole`, expected, strict);
  }
  const figures = figuresOf(expected, floorMs);
  if (expected.downtimeMs <= maxDowntimeMs) {
    return { kind: 'freeze', why: `${figures}, within ${msFigure(maxDowntimeMs)}`, expected };
  }
  const over = `${figures}, over ${msFigure(maxDowntimeMs)}`;
  if (expected.memoryMs <= Math.max(WORTH_MS, floorMs * WORTH_OF_FLOOR)) {
    return last(`${over}; the memory has little part in it`, expected, strict);
  }
  if (tried >= roundsMax) return slow(`${over} after ${tried} rounds`, expected, aims);
  if (!isStale(rounds, cpuPercent)) return { kind: 'round', why: over, expected };
  const percent = THROTTLE_PERCENTS.find((candidate) => candidate < cpuPercent);
  if (aims.onSlow === 'throttle' && percent !== undefined) {
    return { kind: 'throttle', cpuPercent: percent, why: `${over}, and no better than before`, expected };
  }
  return slow(`${over}, and no better than before`, expected, aims);
}

/** None of the latest rounds is better than the best before them. Those at another speed of the processes say little. */
function isStale(rounds: readonly MemoryRound[], cpuPercent: number): boolean {
  const atThisSpeed = rounds.filter((round) => round.cpuPercent === cpuPercent).length;
  if (atThisSpeed < PATIENCE_ROUNDS) return false;
  const after = rounds.map((_, index) => expectDowntime(rounds.slice(0, index + 1), 0)?.memoryMs ?? 0);
  const before = Math.min(...after.slice(0, -PATIENCE_ROUNDS));
  return Math.min(...after.slice(-PATIENCE_ROUNDS)) > before * PROGRESS;
}

/** It does not converge. */
function slow(why: string, expected: Expectation, { onSlow, strict }: Aims): Verdict {
  if (onSlow === 'cancel') return { kind: 'cancel', why, expected };
  return last(why, expected, strict);
}

/** It would be frozen although it is expected to take longer than it may. */
function last(why: string, expected: Expectation | undefined, strict: boolean): Verdict {
  return { kind: strict ? 'cancel' : 'freeze', why, expected };
}

function figuresOf({ downtimeMs, bytes, bytesPerSecond }: Expectation, floorMs: number): string {
  const memory = `${mibFigure(bytes)} at ${mibFigure(bytesPerSecond)}/s`;
  return `expected downtime ${msFigure(downtimeMs)} (${memory}, and ${msFigure(floorMs)} for the rest)`;
}
