/** What the benchmark found in its lab, pure: for programs as objects, for people as tables. */
import { IDLE, type Load, loadName } from './load.js';
import type { PodmanRound } from './podman-side.js';
import type { ShellRound } from './shell-side.js';
import { median, ratioOfMedians, spreadOf, sums } from './statistics.js';
import type { TeleportRound } from './teleport-side.js';

/** One figure a round, in the order of the rounds. */
type Figures = readonly number[];

export interface CaseResult {
  readonly load: Load;
  readonly teleport: {
    readonly gapMs: Figures;
    readonly freezeMs: Figures;
    readonly totalMs: Figures;
    readonly memoryBytes: Figures;
    readonly sourceCpuS: Figures;
    readonly targetCpuS: Figures;
    readonly rssMibOverIdle: Figures;
    /** The parts of the freeze by name; some overlap. */
    readonly partsMs: Readonly<Record<string, Figures>>;
  };
  readonly podman?: { readonly checkpointMs: Figures; readonly restoreMs: Figures };
  readonly shell?: { readonly checkpointMs: Figures; readonly transferMs: Figures; readonly restoreMs: Figures };
}

/** Of medians; null: not measured. */
/** A type and no interface, since it is read as a record, too. */
export type LabRatios = {
  readonly gapVsPodman: number | null;
  readonly gapVsShell: number | null;
  readonly gapVsPodmanAt256MiB: number | null;
  readonly gapVsShellAt256MiB: number | null;
  /** No ratio: how much more than before it a daemon held at most while it moved the largest load. */
  readonly daemonRssMiBOverIdle: number | null;
};

export function caseResult(
  load: Load,
  teleports: readonly TeleportRound[],
  podmans: readonly PodmanRound[],
  shells: readonly ShellRound[],
): CaseResult {
  const names = new Set(teleports.flatMap((round) => round.freezeParts.map((part) => part.name)));
  // A part that came twice in a round took both times.
  const partOf = (round: TeleportRound, name: string) =>
    round.freezeParts.filter((part) => part.name === name).reduce((sum, part) => sum + part.ms, 0);
  return {
    load,
    teleport: {
      gapMs: teleports.map((round) => round.gapMs),
      freezeMs: teleports.map((round) => round.freezeMs),
      totalMs: teleports.map((round) => round.totalMs),
      memoryBytes: teleports.map((round) => round.memoryBytes),
      sourceCpuS: teleports.map((round) => round.cpuS.source),
      targetCpuS: teleports.map((round) => round.cpuS.target),
      rssMibOverIdle: teleports.map((round) => round.rssMibOverIdle),
      partsMs: Object.fromEntries([...names].map((name) => [name, teleports.map((round) => partOf(round, name))])),
    },
    ...(podmans.length > 0 && {
      podman: {
        checkpointMs: podmans.map((round) => round.checkpointMs),
        restoreMs: podmans.map((round) => round.restoreMs),
      },
    }),
    ...(shells.length > 0 && {
      shell: {
        checkpointMs: shells.map((round) => round.checkpointMs),
        transferMs: shells.map((round) => round.transferMs),
        restoreMs: shells.map((round) => round.restoreMs),
      },
    }),
  };
}

export const podmanMs = ({ podman }: CaseResult): Figures | undefined =>
  podman && sums(podman.checkpointMs, podman.restoreMs);
export const shellMs = ({ shell }: CaseResult): Figures | undefined =>
  shell && sums(sums(shell.checkpointMs, shell.transferMs), shell.restoreMs);

export function labRatios(cases: readonly CaseResult[]): LabRatios {
  const still = (mib: number) =>
    cases.find(({ load }) => load.mib === mib && load.dirtyMibPerS === 0 && load.processes <= 1);
  const against = (mib: number, others: (one: CaseResult) => Figures | undefined): number | null => {
    const found = still(mib);
    const theirs = found && others(found);
    return found === undefined || theirs === undefined ? null : ratioOfMedians(found.teleport.gapMs, theirs);
  };
  const largest = still(1024);
  return {
    gapVsPodman: against(IDLE.mib, podmanMs),
    gapVsShell: against(IDLE.mib, shellMs),
    gapVsPodmanAt256MiB: against(256, podmanMs),
    gapVsShellAt256MiB: against(256, shellMs),
    daemonRssMiBOverIdle: largest === undefined ? null : Math.max(...largest.teleport.rssMibOverIdle),
  };
}

/** Lines for people, each ended. */
export function caseTable(result: CaseResult): string {
  const { load, teleport, podman, shell } = result;
  const parts = Object.entries(teleport.partsMs).map(([name, figures]) => line(`  ${name}`, figures));
  const theirs = podmanMs(result);
  const plain = shellMs(result);
  const lines = [
    loadName(load),
    row(`${teleport.gapMs.length} rounds, ms`, ['p50', 'min', 'p90', 'p99', 'max']),
    line('teleport: gap seen by a client', teleport.gapMs),
    line('teleport: frozen', teleport.freezeMs),
    ...parts,
    line('teleport: in all', teleport.totalMs),
    ...(podman && theirs
      ? [
          line('podman: checkpoint', podman.checkpointMs),
          line('podman: restore', podman.restoreMs),
          line('podman: both', theirs),
        ]
      : []),
    ...(shell && plain
      ? [
          line('shell: runc checkpoint', shell.checkpointMs),
          line('shell: rsync', shell.transferMs),
          line('shell: runc restore', shell.restoreMs),
          line('shell: all three', plain),
        ]
      : []),
    `memory moved: ${(median(teleport.memoryBytes) / 2 ** 20).toFixed(1)} MiB${movedText(result)}`,
    `processor: ${cpuText(result)}; daemon's peak: ${median(teleport.rssMibOverIdle).toFixed(0)} MiB over idle`,
  ];
  return lines.map((text) => `${text}\n`).join('');
}

function movedText(result: CaseResult): string {
  const moved = movedOverHeld(result);
  return moved === undefined ? '' : `, ${moved.toFixed(2)} of what is held`;
}

/** Undefined when nothing is held beside the services. */
export function movedOverHeld({ load, teleport }: CaseResult): number | undefined {
  return load.mib === 0 ? undefined : median(teleport.memoryBytes) / 2 ** 20 / load.mib;
}

function cpuText({ load, teleport }: CaseResult): string {
  const ends = Object.entries({ source: teleport.sourceCpuS, target: teleport.targetCpuS });
  const perGib = load.mib === 0 ? undefined : 1024 / load.mib;
  return ends
    .map(([end, figures]) => {
      const each = `${median(figures).toFixed(2)} s at the ${end}`;
      return perGib === undefined ? each : `${each} (${(median(figures) * perGib).toFixed(2)} s per GiB)`;
    })
    .join(', ');
}

/** Lines for people, each ended. @param ratios null: not measured. */
export function ratioTable(ratios: Readonly<Record<string, number | null>>): string {
  const measured = Object.entries(ratios).filter((entry): entry is [string, number] => entry[1] !== null);
  return measured.map(([name, ratio]) => `${name}: ${ratio.toFixed(2)}\n`).join('');
}

/** One round in a line. */
export function roundText(number: number, ours: TeleportRound, podman?: PodmanRound, shell?: ShellRound): string {
  const ms = (...figures: number[]) => `${figures.map((figure) => figure.toFixed(0)).join(' + ')} ms`;
  return [
    `round ${number}: gap ${ms(ours.gapMs)}, frozen ${ms(ours.freezeMs)}`,
    ...(podman ? [`podman ${ms(podman.checkpointMs, podman.restoreMs)}`] : []),
    ...(shell ? [`shell ${ms(shell.checkpointMs, shell.transferMs, shell.restoreMs)}`] : []),
  ].join('; ');
}

function line(name: string, figures: Figures): string {
  const { median: middle, min, p90, p99, max } = spreadOf(figures);
  return row(
    name,
    [middle, min, p90, p99, max].map((figure) => figure.toFixed(0)),
  );
}

function row(name: string, cells: readonly string[]): string {
  return `${name.padEnd(32)}${cells.map((cell) => cell.padStart(9)).join('')}`;
}
