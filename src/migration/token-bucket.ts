/** A rate limit's arithmetic, pure. Invariant: over any time what goes is the rate times it, and a burst at the most. */

export interface Bucket {
  readonly bytesPerSecond: number;
  /** What may go at once; below 0 it is owed. */
  readonly bytes: number;
  /** When that was so. */
  readonly atMs: number;
}

/** What a pause may save up: timers that are late must not slow the whole down. */
const BURST_MS = 100;
/** A slice takes so long: often enough to be seen to move, seldom enough to cost nothing. */
const SLICE_MS = 50;

export const fullBucket = (bytesPerSecond: number, nowMs: number): Bucket => ({
  bytesPerSecond,
  bytes: 0,
  atMs: nowMs,
});

/** The bucket after `count` bytes have been taken, and how long to wait before they may go. */
export function take(bucket: Bucket, count: number, nowMs: number): { bucket: Bucket; waitMs: number } {
  const perMs = bucket.bytesPerSecond / 1000;
  const grown = bucket.bytes + Math.max(0, nowMs - bucket.atMs) * perMs;
  const bytes = Math.min(grown, BURST_MS * perMs) - count;
  return { bucket: { ...bucket, bytes, atMs: nowMs }, waitMs: Math.max(0, -bytes / perMs) };
}

/** How many bytes go at once. */
export function sliceBytes(bytesPerSecond: number): number {
  return Math.max(1, Math.floor((bytesPerSecond * SLICE_MS) / 1000));
}
