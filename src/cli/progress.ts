/** A migration's progress as lines on a terminal. Pure: what is known and the width in, lines out. */
import { MigrationPhase, type MigrationProgress } from '../gen/cnvm/v1/migration.js';
import { bytesText, msText } from './text.js';

const WORDS: Readonly<Partial<Record<string, string>>> = {
  [MigrationPhase.NEGOTIATE]: 'negotiate',
  [MigrationPhase.SEED]: 'copy the disk while it runs',
  [MigrationPhase.PRECOPY]: 'copy the memory while it runs',
  [MigrationPhase.FREEZE]: 'frozen: the last of memory and disk',
  [MigrationPhase.HAND_OVER]: 'hand over',
  [MigrationPhase.ACTIVATE]: 'restore at the target',
  [MigrationPhase.POSTCOPY]: 'it runs at the target, the rest of its memory follows',
  [MigrationPhase.RELEASE]: 'release',
};
const BAR_WIDTH = 24;

/** A phase as people call it. */
export function phaseText(phase: MigrationPhase): string {
  return WORDS[phase] ?? phase.toLowerCase();
}

/** One line, never wider than the terminal. */
export function progressLine(progress: MigrationProgress, width: number): string {
  const done = Number(progress.bytesDone);
  const total = Number(progress.bytesTotal);
  const rate = Number(progress.bytesPerSecond);
  const fraction = total === 0 ? 0 : Math.min(1, done / total);
  const leftMs = Number(progress.leftMs);
  const left = leftMs > 0 ? `, ${msText(leftMs)} left` : '';
  const moved = done === 0 ? '' : ` ${bytesText(done)} of ${bytesText(total)}, ${bytesText(rate)}/s${left}`;
  const bar = total === 0 ? '' : ` ${barText(fraction)} ${Math.round(fraction * 100)}%`;
  const line = `[>] ${phaseText(progress.phase)}${roundText(progress)} (${msText(progress.phaseMs)})${bar}${moved}`;
  // The last column is left free: a terminal that wraps would break the redrawing.
  return line.slice(0, Math.max(0, width - 1));
}

/** What is known of the memory's way. */
function roundText({ round, dirtyBytesPerSecond, expectedDowntimeMs }: MigrationProgress): string {
  if (round === 0) return '';
  const written = Number(dirtyBytesPerSecond);
  const rate = written === 0 ? '' : `, written at ${bytesText(written)}/s`;
  const expected = expectedDowntimeMs === 0 ? '' : `, downtime ${msText(expectedDowntimeMs)}`;
  return `, round ${round}${rate}${expected}`;
}

/** What is done of something, drawn. */
export function barText(fraction: number): string {
  const full = Math.round(fraction * BAR_WIDTH);
  return `[${'#'.repeat(full)}${'.'.repeat(BAR_WIDTH - full)}]`;
}
