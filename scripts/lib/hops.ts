/** The hops of a demo, as figures and as lines for people. Pure. Invariant: every hop is in them, also of a demo that broke. */
import { type Spread, spreadOf } from './bench/statistics.js';

export interface Hop {
  readonly from: string;
  readonly to: string;
  readonly freezeMs: number;
  readonly clientGapMs: number;
  readonly memoryBytes: number;
  readonly diskBytes: number;
  readonly totalMs: number;
}

export interface HopFigures {
  readonly freezeMs: Spread;
  /** The longest silence of the stream in a hop. */
  readonly clientGapMs: Spread;
  /** With the looks into the session that come between them. */
  readonly hopsPerMinute: number;
}

/** @param tourMs from the first hop's beginning to the last look. @returns undefined when there was no hop. */
export function hopFigures(hops: readonly Hop[], tourMs: number): HopFigures | undefined {
  if (hops.length === 0) return undefined;
  return {
    freezeMs: spreadOf(hops.map(({ freezeMs }) => freezeMs)),
    clientGapMs: spreadOf(hops.map(({ clientGapMs }) => clientGapMs)),
    hopsPerMinute: (hops.length / tourMs) * 60_000,
  };
}

/** A line for each hop, and a last one for all. */
export function hopTable(hops: readonly Hop[], figures: HopFigures): string {
  const row = (cells: readonly string[]) =>
    cells.map((cell, column) => (column === 0 ? cell.padEnd(16) : cell.padStart(15))).join('');
  const mib = (bytes: number) => `${(bytes / 2 ** 20).toFixed(1)} MiB`;
  const lines = hops.map(({ from, to, freezeMs, clientGapMs, memoryBytes, diskBytes, totalMs }) =>
    row([
      `${from} -> ${to}`,
      freezeMs.toFixed(0),
      clientGapMs.toFixed(0),
      mib(memoryBytes + diskBytes),
      (totalMs / 1000).toFixed(2),
    ]),
  );
  const spread = ({ median, min, max }: Spread) =>
    `median ${median.toFixed(0)}, least ${min.toFixed(0)}, most ${max.toFixed(0)} ms`;
  return [
    row(['hop', 'frozen ms', 'client gap ms', 'moved', 'total s']),
    ...lines,
    `frozen over ${hops.length} hops: ${spread(figures.freezeMs)}`,
    `client gap: ${spread(figures.clientGapMs)}; ${figures.hopsPerMinute.toFixed(1)} hops a minute`,
  ].join('\n');
}
