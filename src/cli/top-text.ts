/** The screen of `cnvm top`: nodes, cnvms and migrations, as lines that fit. Pure. */
import { MigrationOutcome, type MigrationProgress } from '../gen/cnvm/v1/migration.js';
import type { WatchedMigration } from '../gen/cnvm/v1/watch.js';
import { barText, phaseText } from './progress.js';
import { bytesText, msText } from './text.js';
import { cnvmsTable, endedText, type Mesh, membersTable } from './watch-text.js';

export interface Screen {
  readonly rows: number;
  readonly columns: number;
}

/** Of migrations that have ended. */
const PAST_MAX = 5;
/** The head, a blank line between the parts, and the line that says how to quit. */
const LEAST_ROWS = 4;

/** All of it, for whoever has room: no terminal, or `--once`. */
export function topText(mesh: Mesh, now: Date): string {
  return `${sections(mesh, now)
    .map((lines) => lines.join('\n'))
    .join('\n\n')}\n`;
}

/**
 * As many lines as there are rows, none wider than the screen. What does not fit is cut at the end of the longest part first,
 * and it is said how much that is.
 */
export function topScreen(mesh: Mesh, now: Date, { rows, columns }: Screen): string[] {
  const parts = sections(mesh, now);
  const room = Math.max(LEAST_ROWS, rows) - 1 - (parts.length - 1);
  const heights = shared(
    parts.map(({ length }) => length),
    room,
  );
  const shown = parts.map((lines, at) => cutLines(lines, heights[at] ?? 0));
  const lines = shown.flatMap((part, at) => (at === 0 ? part : ['', ...part]));
  const filled = [...lines, ...Array.from({ length: Math.max(0, rows - 1 - lines.length) }, () => ''), 'q quits'];
  // The last column is left free: a terminal that wraps would break the drawing.
  return filled.slice(0, rows).map((line) => line.slice(0, Math.max(0, columns - 1)));
}

/** How many rows each part gets: the longest gives first. */
export function shared(wanted: readonly number[], room: number): number[] {
  const given = [...wanted];
  for (let total = given.reduce((sum, one) => sum + one, 0); total > Math.max(0, room); total -= 1) {
    const longest = given.indexOf(Math.max(...given));
    given[longest] = (given[longest] ?? 0) - 1;
  }
  return given;
}

function cutLines(lines: readonly string[], height: number): string[] {
  if (lines.length <= height) return [...lines];
  return height < 1 ? [] : [...lines.slice(0, height - 1), `... ${lines.length - height + 1} more`];
}

function sections(mesh: Mesh, now: Date): string[][] {
  const running = mesh.migrations.filter(({ outcome }) => outcome === MigrationOutcome.RUNNING);
  const past = mesh.migrations
    .filter(({ outcome }) => outcome !== MigrationOutcome.RUNNING)
    .sort((one, other) => (other.endTime?.getTime() ?? 0) - (one.endTime?.getTime() ?? 0))
    .slice(0, PAST_MAX);
  const head = `cnvm top at ${mesh.node}, ${now.toISOString().slice(0, 19).replace('T', ' ')} UTC: ${mesh.members.length} nodes, ${mesh.cnvms.length} cnvms, ${running.length} migrations`;
  const lines = (text: string) => text.trimEnd().split('\n');
  return [
    [head],
    lines(membersTable(mesh)),
    ...(mesh.cnvms.length === 0 ? [] : [lines(cnvmsTable(mesh))]),
    ...(running.length === 0 ? [] : [running.flatMap((one) => runningLines(one, now))]),
    ...(past.length === 0 ? [] : [['LATELY', ...past.map(pastLine)]]),
  ];
}

function runningLines(migration: WatchedMigration, now: Date): string[] {
  const { name, source, target, startTime, phase, progress } = migration;
  const since = startTime === undefined ? '' : `, ${msText(Math.max(0, now.getTime() - startTime.getTime()))}`;
  return [`${name}: ${source} -> ${target}, ${phaseText(phase)}${since}`, ...(progress ? [figures(progress)] : [])];
}

function figures(progress: MigrationProgress): string {
  const [done, total] = [Number(progress.bytesDone), Number(progress.bytesTotal)];
  const rate = Number(progress.bytesPerSecond);
  const fraction = total === 0 ? 0 : Math.min(1, done / total);
  const round = progress.round === 0 ? '' : `, round ${progress.round}`;
  const expected = progress.expectedDowntimeMs === 0 ? '' : `, downtime ${msText(progress.expectedDowntimeMs)}`;
  return `  ${barText(fraction)} ${bytesText(done)} of ${bytesText(total)}, ${bytesText(rate)}/s${round}${expected}`;
}

function pastLine(migration: WatchedMigration): string {
  const { name, source, target, endTime } = migration;
  const at = endTime?.toISOString().slice(11, 19) ?? '';
  return `${at}  ${name} ${source} -> ${target}: ${endedText(migration).split('\n')[0] ?? ''}`;
}
