/**
 * What was measured as a page of the docs, pure. Invariant: a figure that was not measured is not on it, and what was is told
 * with its spread.
 */
import type { DiskResult } from './disk-part.js';
import type { FreezeResult } from './freeze-part.js';
import { loadName } from './load.js';
import type { OverlayResult } from './overlay-part.js';
import { type CaseResult, movedOverHeld, podmanMs, shellMs } from './report.js';
import { median, percentile, ratioOfMedians, spreadOf } from './statistics.js';
import type { StreamResult } from './stream-part.js';
import { WAYS } from './stream-ways.js';

export interface Measured {
  readonly command: string;
  /** Cores, kernel, versions; empty when no lab of namespaces was up. */
  readonly machine: string;
  /** Where the picture is, seen from the page; undefined without one. */
  readonly plot: string | undefined;
  readonly cases: readonly CaseResult[];
  readonly stream: StreamResult | undefined;
  readonly overlay: OverlayResult | undefined;
  readonly disk: DiskResult | undefined;
  readonly freeze: FreezeResult | undefined;
  readonly ratios: Readonly<Record<string, number | null>>;
}

type Figures = readonly number[];

/** What each ratio is to be at the most, or at the least. */
const AIMS: Readonly<Record<string, string>> = {
  gapVsPodman: 'at most 0.4',
  gapVsShell: 'at most 0.6',
  gapVsPodmanAt256MiB: 'at most 0.4',
  gapVsShellAt256MiB: 'at most 0.6',
  daemonRssMiBOverIdle: 'at most 150 (MiB, no ratio)',
  streamVsTls: 'at least 0.75',
  streamVsTcpAt10ms: 'at least 0.6',
  freezeFullDiskVsEmpty: 'at most 1.3',
  precopyFreezeVsStopCopy: 'at most 0.2',
  precopyFreeze512Vs64: 'at most 1.5',
};

export function pageOf(measured: Measured): string {
  const { command, machine, plot, cases, stream, overlay, disk, freeze, ratios } = measured;
  return [
    '# Figures\n',
    `Made by \`${command}\`, in one run${machine === '' ? '' : ` (${machine})`}; what is compared was measured in turn, so that what else`,
    'the machine did fell on all alike. Source, target and client share the machine. Cells are a median, and the least and the',
    'greatest figure. Times elsewhere differ; ratios less so.\n',
    ...(plot === undefined ? [] : [`![gaps and freezes](${plot})\n`]),
    '## Ratios\n',
    ...table(['ratio, of medians', 'measured', 'aimed for'], ratioRows(ratios)),
    ...(cases.length > 0 ? caseSections(cases) : []),
    ...(stream === undefined ? [] : streamSection(stream)),
    ...(overlay === undefined ? [] : overlaySection(overlay)),
    ...(disk === undefined ? [] : diskSection(disk)),
    ...(freeze === undefined ? [] : freezeSection(freeze)),
  ].join('\n');
}

function ratioRows(ratios: Measured['ratios']): string[][] {
  return Object.entries(ratios).flatMap(([name, ratio]) =>
    ratio === null ? [] : [[`\`${name}\``, ratio.toFixed(2), AIMS[name] ?? '']],
  );
}

function caseSections(cases: readonly CaseResult[]): string[] {
  const perGib = ({ load }: CaseResult, seconds: Figures) =>
    load.mib === 0 ? cell(seconds, 2) : cell(times(seconds, 1024 / load.mib), 2);
  const tail = (ms: Figures) => percentile(ms, 99).toFixed(0);
  return [
    '## A teleport\n',
    'The gap is the longest silence that a client on a third node hears; all is in milliseconds.\n',
    ...table(
      ['held, changed, by', 'rounds', 'gap', 'gap, p99', 'frozen', 'in all'],
      cases.map((one) => {
        const { gapMs, freezeMs, totalMs } = one.teleport;
        return [loadName(one.load), String(gapMs.length), cell(gapMs), tail(gapMs), cell(freezeMs), cell(totalMs)];
      }),
    ),
    'The same processes by others: podman without any transfer, the shell with rsync between two nodes. Who holds more than',
    '256 MiB is there only in its turn.\n',
    ...table(
      ['held, changed, by', 'podman', 'gap, of podman’s', 'shell', 'gap, of the shell’s'],
      cases.flatMap((one) => {
        const others = [podmanMs(one), shellMs(one)].map((ms) =>
          ms === undefined ? ['', ''] : [cell(ms), ratioOfMedians(one.teleport.gapMs, ms).toFixed(2)],
        );
        return others.every(([text]) => text === '') ? [] : [[loadName(one.load), ...others.flat()]];
      }),
    ),
    'What it costs: seconds of CPU for each GiB held (of the idle image: for a move), and what a daemon holds at most, in MiB, more than before.\n',
    ...table(
      [
        'held, changed, by',
        'memory moved, of that held',
        'CPU at the source',
        'CPU at the target',
        'daemon’s peak over idle',
      ],
      cases.map((one) => {
        const { sourceCpuS, targetCpuS, rssMibOverIdle } = one.teleport;
        const costs = [perGib(one, sourceCpuS), perGib(one, targetCpuS), cell(rssMibOverIdle)];
        return [loadName(one.load), movedOverHeld(one)?.toFixed(2) ?? '', ...costs];
      }),
    ),
    'Where the freeze goes, in milliseconds; some parts overlap.\n',
    ...partsTable(cases),
  ];
}

function partsTable(cases: readonly CaseResult[]): string[] {
  const names = [...new Set(cases.flatMap(({ teleport }) => Object.keys(teleport.partsMs)))];
  const rows = cases.map(({ load, teleport }) => [
    loadName(load),
    ...names.map((name) => {
      const ms = teleport.partsMs[name];
      return ms === undefined ? '' : median(ms).toFixed(0);
    }),
  ]);
  return table(['held, changed, by', ...names], rows);
}

function streamSection({ straight, delayed, delayMs, cpuSPerGib }: StreamResult): string[] {
  const { source, target } = cpuSPerGib;
  return [
    '## A migration’s tunnel\n',
    'Beside bare sockets between the same two processes; MB/s, and seconds of CPU for each GiB.\n',
    ...table(
      ['', 'straight', `behind ${delayMs} ms each way`, 'CPU at the source', 'CPU at the target'],
      WAYS.map((way) => [
        way === 'stream' ? '**tunnel** (gRPC, TLS, a sum over every byte)' : `bare ${way.toUpperCase()}`,
        ...[cell(straight[way]), cell(delayed[way]), cell(source[way], 2), cell(target[way], 2)],
      ]),
    ),
  ];
}

function overlaySection({ wireguard, link, overlay }: OverlayResult): string[] {
  return [
    '## The overlay\n',
    `One TCP stream between two nodes, Mbit/s; the packets are encrypted by ${wireguard}.\n`,
    ...table(['bare link', 'overlay'], [[cell(link), cell(overlay)]]),
  ];
}

function diskSection({ files, mib, full, empty }: DiskResult): string[] {
  const row = (name: string, { freezeMs, lastPassMs, totalMs }: DiskResult['full']) => [
    name,
    ...[cell(freezeMs), cell(lastPassMs), cell(totalMs)],
  ];
  return [
    '## A disk\n',
    'Both write 1 MiB a second all the time; milliseconds.\n',
    ...table(
      ['', 'frozen', 'of it the last of the disk', 'in all'],
      [row(`${files} files, ${mib} MiB`, full), row('an empty disk', empty)],
    ),
  ];
}

function freezeSection({ moves }: FreezeResult): string[] {
  return [
    '## Memory in rounds\n',
    'Between two emulated machines, whose kernels tell which pages change; 5 MiB are written a second. Seconds, of which only',
    'ratios mean anything.\n',
    ...table(
      ['', 'held, MiB', 'frozen', 'memory in the freeze, MiB', 'rounds', 'in all', 'parts of the freeze'],
      moves.map(({ mode, heldMib, freezeMs, lastRoundMib, rounds, totalMs, parts }) => [
        ...[mode, String(heldMib), seconds(freezeMs), lastRoundMib.toFixed(1), String(rounds), seconds(totalMs)],
        parts.map(({ name, ms }) => `${name} ${seconds(ms)}`).join(', '),
      ]),
    ),
  ];
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  const marks = head.map((_, index) => (index === 0 ? '---' : '---:'));
  return [line(head), line(marks), ...rows.map(line), ''];
}

function cell(figures: Figures, digits = 0): string {
  const { median: middle, min, max } = spreadOf(figures);
  return `${middle.toFixed(digits)} (${min.toFixed(digits)}–${max.toFixed(digits)})`;
}

const seconds = (ms: number) => (ms / 1000).toFixed(1);
const times = (figures: Figures, factor: number) => figures.map((figure) => figure * factor);
