/**
 * Whether the criu of a restore still lives. Invariant: a restore whose criu has died is broken off, and one whose criu
 * works never is, however long it takes.
 */
import { type Belonging, findMarked } from './orphans.js';

/** Marks the programs of one restore, with the name of what is restored. */
export const RESTORE_VARIABLE = 'CNVM_RESTORE';
/** Most restores have ended before the first look; between runc's two runs of criu there is a moment without one. */
const CRIU_LOOK_MS = 1_000;
const CRIU_MISSED_MAX = 2;

/**
 * Breaks a restore off whose criu has died: the half-made processes hold criu's end of the line to runc, which would wait
 * for as long as it may.
 * @param belonging the programs of the restore. @param patience multiplies the time between two looks. @throws what `restore` throws.
 */
export async function whileCriuLives(
  belonging: Belonging,
  patience: number,
  restore: (signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const dead = new AbortController();
  let missed = 0;
  const timer = setInterval(() => {
    const marked = findMarked(belonging);
    const runc = marked.find(({ program }) => program === 'runc');
    // What a dead one has forked becomes runc's.
    const lives = marked.some((one) => one.parent === runc?.pid && one.program === 'criu' && !one.forked);
    missed = runc === undefined || lives ? 0 : missed + 1;
    if (missed === CRIU_MISSED_MAX) dead.abort();
  }, CRIU_LOOK_MS * patience);
  try {
    await restore(dead.signal);
  } finally {
    clearInterval(timer);
  }
}
