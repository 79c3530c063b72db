/**
 * What a freeze is expected to cost before one is made, pure: constants that were measured once, corrected by what the
 * node's own past migrations took. Invariant: an estimate is positive and finite, whatever the past holds.
 */
import type { MemoryRound, Migration } from './migration.js';

/** Of a cnvm with an sshd and a shell and hardly any memory: fence, dump, disk, restore. */
const BASE_MS = 400;
/** criu copies every page into place while it restores: 0.9 s for 512 MiB. */
const RESTORE_BYTES_PER_SECOND = 550 * 1024 * 1024;
/** A 1 Gbit/s link; before anything was measured. */
const ASSUMED_BYTES_PER_SECOND = 100 * 1024 * 1024;
/** Less says more of programs that start and end than of a link. */
const MEASURED_BYTES = 1024 * 1024;
/** The latest count: links and machines change. */
const SAMPLES = 5;
/** How far one slow or quick freeze may lead. */
const CORRECTION_MIN = 0.1;
const CORRECTION_MAX = 40;

export interface FreezeCost {
  /** What a freeze costs in which no memory moves. */
  readonly floorMs: number;
  /** What the link to the target is expected to carry. */
  readonly bytesPerSecond: number;
}

/** @param past newest first. @param memoryBytes all that it holds: a restore puts each page into place. */
export function freezeCost(past: readonly Migration[], target: string, memoryBytes: number): FreezeCost {
  const moved = past.filter(({ role, outcome }) => role === 'source' && outcome === 'succeeded');
  const corrections = moved.flatMap(correctionOf).slice(0, SAMPLES);
  const rates = moved
    .filter((migration) => migration.target === target)
    .flatMap(({ memoryRounds }) => memoryRounds.filter(({ bytes }) => bytes >= MEASURED_BYTES))
    .slice(0, SAMPLES)
    .map(({ bytesPerSecond }) => bytesPerSecond);
  const correction = Math.min(CORRECTION_MAX, Math.max(CORRECTION_MIN, median(corrections) ?? 1));
  return {
    floorMs: assumedMs(memoryBytes) * correction,
    bytesPerSecond: median(rates) ?? ASSUMED_BYTES_PER_SECOND,
  };
}

/** How the freeze of a past one compares with what is assumed. */
function correctionOf({ freezeMs, memoryBytes, memoryRounds }: Migration): number[] {
  const last: MemoryRound | undefined = memoryRounds.find((round) => round.frozen);
  if (last === undefined || freezeMs <= last.ms) return [];
  return [(freezeMs - last.ms) / assumedMs(memoryBytes)];
}

function assumedMs(memoryBytes: number): number {
  return BASE_MS + (memoryBytes / RESTORE_BYTES_PER_SECOND) * 1000;
}

function median(values: readonly number[]): number | undefined {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];
}
