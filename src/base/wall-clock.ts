/** The clock that tells the time of day, and can be set; beside the one that only counts, and cannot. */
import { performance } from 'node:perf_hooks';

/** Between the two readings lies less. A clock that is slewed takes the other one along: it is not set. */
const SLACK_MS = 25;

/** @returns whether the clock has been set since this was called. */
export function watchWallClock(): () => boolean {
  const ahead = () => Date.now() - performance.now();
  const before = ahead();
  return () => Math.abs(ahead() - before) > SLACK_MS;
}
