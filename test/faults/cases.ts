/**
 * The matrix: what breaks when, and who owns the cnvm in the end, as src/migration/README.md promises. Pure.
 * Invariant: "source" and "target" are promises; a case has no other way out.
 */
import type { FaultName } from './faults.js';
import type { Ends, Moment } from './gates.js';

export interface Case {
  readonly moment: Moment;
  readonly fault: FaultName;
  readonly owner: keyof Ends;
}

const row = (fault: FaultName, owner: keyof Ends, ...moments: Moment[]): Case[] =>
  moments.map((moment) => ({ moment, fault, owner }));

/** One of each kind: what is tried on every change. */
export const SLICE: readonly Case[] = [
  ...row("source's daemon dies", 'source', 'dump'),
  ...row("source's daemon dies", 'target', 'restored'),
  ...row("target's daemon dies", 'source', 'hold', 'activating'),
  ...row("target's daemon dies", 'target', 'running'),
  ...row("source's criu dies", 'target', 'handing over'),
  ...row("target's criu dies", 'target', 'restore'),
  ...row('link is cut', 'target', 'activating'),
];

export const MATRIX: readonly Case[] = [
  ...row("source's daemon dies", 'source', 'negotiate', 'seed', 'frozen', 'dump', 'hold'),
  ...row("source's daemon dies", 'target', 'activating', 'restore', 'restored', 'running', 'release'),
  // Durable and not sent: the next daemon sends it.
  ...row("source's daemon dies", 'target', 'handing over'),
  ...row("target's daemon dies", 'source', 'negotiate', 'seed', 'frozen', 'dump', 'hold', 'handing over'),
  ...row("target's daemon dies", 'source', 'activating'),
  // A restore that goes on by itself is waited for.
  ...row("target's daemon dies", 'target', 'restore', 'restored', 'running', 'release'),
  ...row("source's criu dies", 'target', 'hold', 'handing over'),
  ...row("target's criu dies", 'target', 'restore'),
  ...row("target's page server dies", 'source', 'frozen', 'dump'),
  ...row("source's runc dies", 'source', 'dump'),
  ...row("source's runc dies", 'target', 'hold', 'handing over'),
  ...row("target's runc dies", 'target', 'restore'),
  ...row("source's rsync dies", 'source', 'seed, served', 'last of the disk, served'),
  ...row("target's rsync dies", 'source', 'seed', 'last of the disk'),
  ...row('link is cut', 'source', 'seed, served', 'frozen', 'dump'),
  ...row('link is cut', 'target', 'hold', 'handing over', 'activating', 'restore', 'restored', 'running', 'release'),
  ...row('link stalls for 3 s', 'target', 'seed, served', 'frozen', 'dump', 'hold', 'handing over'),
  ...row('link stalls for 3 s', 'target', 'activating', 'restore', 'restored', 'running', 'release'),
  ...row('link stalls for 25 s', 'source', 'seed, served', 'frozen', 'dump'),
  ...row('link stalls for 25 s', 'target', 'handing over', 'activating', 'running', 'release'),
  ...row("target's disk is full", 'source', 'seed', 'last of the disk'),
  ...row("target's journal is full", 'source', 'hold'),
  ...row("target's images do not fit", 'source', 'frozen'),
  ...row('target is outdated', 'source', 'offer'),
  ...row("source's clock goes back by 1 h", 'target', 'seed, served', 'handing over'),
  ...row("source's clock goes on by 1 h", 'target', 'seed, served', 'handing over'),
  ...row("target's clock goes back by 1 h", 'target', 'negotiate', 'activating'),
  ...row("target's clock goes on by 1 h", 'target', 'negotiate', 'activating'),
  ...row('restore fails once', 'target', 'activating'),
  ...row('restore fails twice', 'source', 'activating'),
];

/** Those that can follow one another on the same cnvm in any order: nothing about them lasts longer than the others. */
export const RANDOM: readonly Case[] = MATRIX.filter(
  ({ fault }) => !/^target's (disk|journal)|for 25 s$|outdated$|clock/.test(fault),
);

export function titleOf({ fault, moment, owner }: Case): string {
  return `${fault} at "${moment}": the ${owner}'s`;
}
