/** What the benchmark found, pure: for programs as one object, for people as a table. */
import type { PodmanRound } from './podman-side.js';
import { ratioOfMedians, spreadOf, sums } from './statistics.js';
import type { TeleportRound } from './teleport-side.js';

export interface Result {
  readonly rounds: number;
  /** One figure a round, in the order of the rounds. */
  readonly teleport: {
    readonly gapMs: readonly number[];
    readonly freezeMs: readonly number[];
    readonly totalMs: readonly number[];
    /** The parts of the freeze by name; some overlap. */
    readonly partsMs: Readonly<Record<string, readonly number[]>>;
  };
  readonly podman: { readonly checkpointMs: readonly number[]; readonly restoreMs: readonly number[] };
  readonly ratios: {
    /** The client's gap by podman's checkpoint and restore together. */
    readonly gapVsPodman: number;
  };
}

export function resultOf(teleports: readonly TeleportRound[], podmans: readonly PodmanRound[]): Result {
  const gapMs = teleports.map((round) => round.gapMs);
  const checkpointMs = podmans.map((round) => round.checkpointMs);
  const restoreMs = podmans.map((round) => round.restoreMs);
  const names = new Set(teleports.flatMap((round) => round.freezeParts.map((part) => part.name)));
  // A part that came twice in a round took both times.
  const partOf = (round: TeleportRound, name: string) =>
    round.freezeParts.filter((part) => part.name === name).reduce((sum, part) => sum + part.ms, 0);
  const partsMs = Object.fromEntries(
    [...names].map((name) => [name, teleports.map((round) => partOf(round, name))] as const),
  );
  return {
    rounds: teleports.length,
    teleport: {
      gapMs,
      freezeMs: teleports.map((round) => round.freezeMs),
      totalMs: teleports.map((round) => round.totalMs),
      partsMs,
    },
    podman: { checkpointMs, restoreMs },
    ratios: { gapVsPodman: ratioOfMedians(gapMs, sums(checkpointMs, restoreMs)) },
  };
}

/** Lines for people, each ended. */
export function tableOf({ rounds, teleport, podman, ratios }: Result): string {
  const { checkpointMs, restoreMs } = podman;
  const line = (name: string, figures: readonly number[]) => {
    const { median: middle, min, p90, max } = spreadOf(figures);
    return row(
      name,
      [middle, min, p90, max].map((figure) => figure.toFixed(0)),
    );
  };
  const parts = Object.entries(teleport.partsMs).map(([name, figures]) => line(`  ${name}`, figures));
  const lines = [
    row(`${rounds} rounds, ms`, ['median', 'min', 'p90', 'max']),
    line('teleport: gap seen by a client', teleport.gapMs),
    line('teleport: frozen', teleport.freezeMs),
    ...parts,
    line('teleport: in all', teleport.totalMs),
    line('podman: checkpoint', checkpointMs),
    line('podman: restore', restoreMs),
    line('podman: both', sums(checkpointMs, restoreMs)),
    '',
    `gap / podman's both, of the medians: ${ratios.gapVsPodman.toFixed(2)}`,
  ];
  return lines.map((text) => `${text}\n`).join('');
}

/** One round in a line. */
export function roundText(number: number, teleport: TeleportRound, podman: PodmanRound): string {
  const { gapMs, freezeMs } = teleport;
  const { checkpointMs, restoreMs } = podman;
  const ours = `gap ${gapMs.toFixed(0)} ms, frozen ${freezeMs.toFixed(0)} ms`;
  return `round ${number}: ${ours}; podman ${checkpointMs.toFixed(0)} + ${restoreMs.toFixed(0)} ms`;
}

function row(name: string, cells: readonly string[]): string {
  return `${name.padEnd(32)}${cells.map((cell) => cell.padStart(9)).join('')}`;
}
