/** find and touch: files by their times. */
import { run } from './run.js';

const WALK_TIMEOUT_MS = 10 * 60_000;

/** Gives every file below `directory` that was changed after `sinceMs` (epoch) another time, the epoch's first second. */
export async function forgetTimes(directory: string, sinceMs: number): Promise<void> {
  const changed = ['-xdev', '-type', 'f', '-newermt', `@${sinceMs / 1000}`];
  const touch = ['touch', '--no-create', '--no-dereference', '-m', '--date=@0', '{}', '+'];
  await run(['find', directory, ...changed, '-exec', ...touch], { timeoutMs: WALK_TIMEOUT_MS });
}
