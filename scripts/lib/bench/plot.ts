/**
 * The cases of the benchmark as a picture, pure: a row a case, a dot a round, the median a line; ours above those beside it.
 * Invariant: nothing is drawn that was not measured, and every round is.
 */
import { loadName } from './load.js';
import type { CaseResult } from './report.js';
import { median, sums } from './statistics.js';

interface Series {
  readonly name: string;
  readonly color: string;
  readonly ms: readonly number[];
}

const WIDTH = 900;
const LEFT = 300;
const RIGHT = 30;
const TOP = 50;
const ROW = 16;
const GAP = 14;
/** Told apart by who sees no difference between red and green (Okabe and Ito, 2008). */
const COLORS = { gap: '#0072b2', freeze: '#56b4e9', podman: '#d55e00', shell: '#e69f00' };

export function plotOf(cases: readonly CaseResult[]): string {
  const rows = cases.map((one) => ({ name: loadName(one.load), series: seriesOf(one) }));
  const most = Math.max(...rows.flatMap(({ series }) => series.flatMap(({ ms }) => ms)));
  const step = stepOf(most);
  const end = Math.ceil(most / step) * step;
  const x = (ms: number) => LEFT + (ms / end) * (WIDTH - LEFT - RIGHT);
  const drawn: string[] = [];
  let y = TOP;
  for (const { name, series } of rows) {
    drawn.push(text(LEFT - 10, y + 11, name, 'end'));
    for (const one of series) {
      drawn.push(
        ...one.ms.map(
          (ms) => `<circle cx="${fixed(x(ms))}" cy="${y + 7}" r="3" fill="${one.color}" fill-opacity="0.45"/>`,
        ),
      );
      const middle = fixed(x(median(one.ms)));
      const says = `${one.name}: median ${median(one.ms).toFixed(0)} ms`;
      drawn.push(`<path d="M${middle} ${y}v14" stroke="${one.color}" stroke-width="3"><title>${says}</title></path>`);
      y += ROW;
    }
    y += GAP;
  }
  const ticks = Array.from({ length: Math.round(end / step) + 1 }, (_, index) => index * step);
  const axis = ticks.flatMap((ms) => [
    `<path d="M${fixed(x(ms))} ${TOP - 8}V${y - GAP}" stroke="#ccc"/>`,
    text(x(ms), TOP - 14, ms === 0 ? '0 ms' : String(ms), 'middle'),
  ]);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${y}" font-family="sans-serif" font-size="12" fill="#222">`,
    '<title>How long a teleport is noticed, beside podman and the shell</title>',
    `<rect width="${WIDTH}" height="${y}" fill="#fff"/>`,
    ...legend(),
    ...axis,
    ...drawn,
    '</svg>\n',
  ].join('\n');
}

function seriesOf({ teleport, podman, shell }: CaseResult): Series[] {
  return [
    { name: 'gap', color: COLORS.gap, ms: teleport.gapMs },
    { name: 'frozen', color: COLORS.freeze, ms: teleport.freezeMs },
    ...(podman ? [{ name: 'podman', color: COLORS.podman, ms: sums(podman.checkpointMs, podman.restoreMs) }] : []),
    ...(shell
      ? [
          {
            name: 'shell',
            color: COLORS.shell,
            ms: sums(sums(shell.checkpointMs, shell.transferMs), shell.restoreMs),
          },
        ]
      : []),
  ];
}

function legend(): string[] {
  const entries = [
    [COLORS.gap, 'teleport: gap seen by a client'],
    [COLORS.freeze, 'teleport: frozen'],
    [COLORS.podman, 'podman checkpoint + restore'],
    [COLORS.shell, 'runc + rsync + runc'],
  ] as const;
  return entries.flatMap(([color, name], index) => [
    `<rect x="${20 + index * 215}" y="8" width="10" height="10" fill="${color}"/>`,
    text(36 + index * 215, 17, name, 'start'),
  ]);
}

/** So that some five to ten ticks fit. */
function stepOf(most: number): number {
  const power = 10 ** Math.floor(Math.log10(most / 5));
  return ([1, 2, 5].find((factor) => most / (factor * power) <= 10) ?? 10) * power;
}

function text(x: number, y: number, words: string, anchor: 'start' | 'middle' | 'end'): string {
  return `<text x="${fixed(x)}" y="${y}" text-anchor="${anchor}">${words.replaceAll('&', '&amp;').replaceAll('<', '&lt;')}</text>`;
}

const fixed = (figure: number) => figure.toFixed(1);
