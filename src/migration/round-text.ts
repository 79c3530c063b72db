/** A round of memory in words, pure. */
import type { MemoryRound } from './migration.js';

const MIB = 1024 * 1024;

/** @param frozenMs for which the processes stood still. */
export function stepText(round: MemoryRound, frozenMs: number): string {
  const { number, bytes, pages, ms, bytesPerSecond, dirtyBytesPerSecond, expectedDowntimeMs } = round;
  const moved = `round ${number}: ${mib(bytes)} (${pages} pages) in ${Math.round(ms)} ms, ${mib(bytesPerSecond)}/s`;
  const stood = frozenMs === 0 ? '' : `, stood still for ${Math.round(frozenMs)} ms`;
  const written = dirtyBytesPerSecond === 0 ? '' : `; written meanwhile at ${mib(dirtyBytesPerSecond)}/s`;
  return `${moved}${stood}${written}; expected downtime ${Math.round(expectedDowntimeMs)} ms`;
}

function mib(bytes: number): string {
  return `${(bytes / MIB).toFixed(1)} MiB`;
}
