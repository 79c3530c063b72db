/** A round of memory in words, pure. */
import { mibFigure, msFigure } from '../base/figures.js';
import type { MemoryRound } from './migration.js';

/** @param frozenMs for which the processes stood still. */
export function stepText(round: MemoryRound, frozenMs: number): string {
  const { number, bytes, pages, ms, bytesPerSecond, dirtyBytesPerSecond, expectedDowntimeMs } = round;
  const moved = `round ${number}: ${mibFigure(bytes)} (${pages} pages) in ${msFigure(ms)}, ${mibFigure(bytesPerSecond)}/s`;
  const stood = frozenMs === 0 ? '' : `, stood still for ${msFigure(frozenMs)}`;
  const written = dirtyBytesPerSecond === 0 ? '' : `; written meanwhile at ${mibFigure(dirtyBytesPerSecond)}/s`;
  return `${moved}${stood}${written}; expected downtime ${msFigure(expectedDowntimeMs)}`;
}
