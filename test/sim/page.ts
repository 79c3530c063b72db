/** The figures of the simulation as a part of a page, pure. Invariant: nothing is on it that did not come out of this run. */
import type { Figures } from './scenarios.js';

const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;

type Column = readonly [heading: string, of: (one: Figures) => string | number];

const COLUMNS: readonly Column[] = [
  ['nodes', ({ nodes }) => nodes],
  ['joined', ({ joinMs }) => seconds(joinMs)],
  ['B/s, quiet', ({ quietBytes }) => Math.round(quietBytes)],
  ['B/s, busy', ({ busyBytes }) => Math.round(busyBytes)],
  ['dead to all', ({ deathMs }) => seconds(deathMs)],
  ['move known', ({ moveMs }) => seconds(moveMs)],
  ['healed', ({ healMs }) => seconds(healMs)],
  ['false deaths', ({ falseDeaths }) => falseDeaths],
  ['false suspicions', ({ falseSuspicions }) => falseSuspicions],
  ['wrong owners', ({ wrongOwners }) => wrongOwners.length],
];

const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;

/** The head of the table: two lines. */
export function headOf(): string {
  return [
    line(COLUMNS.map(([heading]) => heading)),
    line(COLUMNS.map(([heading]) => `${'-'.repeat(heading.length - 1)}:`)),
  ].join('\n');
}

/** The line of one size, as wide as the head. */
export function rowOf(figures: Figures): string {
  return line(COLUMNS.map(([heading, of]) => String(of(figures)).padStart(heading.length)));
}

export function blockOf(command: string, plot: string | undefined, figures: readonly Figures[]): string {
  return [
    `Made by \`${command}\`:`,
    '',
    headOf(),
    ...figures.map(rowOf),
    ...(plot === undefined ? [] : ['', `![what a node sends and receives, as the mesh grows](${plot})`]),
  ].join('\n');
}

const [BEGIN, END] = ['<!-- simulation -->', '<!-- end of simulation -->'];

/** The page with the block between its two marks. @throws when they are not there. */
export function putInto(page: string, block: string): string {
  const [begin, end] = [page.indexOf(BEGIN), page.indexOf(END)];
  if (begin < 0 || end < begin) throw new Error(`the page has no ${BEGIN} and ${END}`);
  return `${page.slice(0, begin + BEGIN.length)}\n${block}\n${page.slice(end)}`;
}
