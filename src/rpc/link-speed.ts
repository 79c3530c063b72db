/**
 * Whether the next bytes are worth compressing, pure. Measured, one core: zstd -1 as it is used here makes 115 MB/s into
 * half as much and undoes 240 MB/s, so a link pays for it below some 100 MB/s; above it the link would wait for us.
 */

/** What a sender has seen since the last judgement. */
export interface Window {
  readonly ms: number;
  /** How long of it the sender waited for the link to take what was written. */
  readonly waitedMs: number;
  /** Data, before it was compressed. */
  readonly bytes: number;
  /** What of it went over the link. */
  readonly wireBytes: number;
}

/** Long enough for the buffers below, which take the first megabytes at any speed, to say nothing. */
export const WINDOW_MS = 250;
/** Below it, in bytes of the link, compressing pays; with room for what the measurement errs. */
const PAYS_BELOW_PER_MS = 80_000;
/** Of a link that is the slowest of all, a sender is hardly ever done waiting. */
const WAITS_MOSTLY = 0.5;
const WAITS_HARDLY = 0.1;
/** What does not become smaller than this is not worth the time. */
const SMALLER = 0.9;

/** How it is to go on, for one that has gone on as `compressing` says. */
export function worthCompressing({ ms, waitedMs, bytes, wireBytes }: Window, compressing: boolean): boolean {
  const waits = waitedMs / ms;
  if (!compressing) return waits > WAITS_MOSTLY && wireBytes / ms < PAYS_BELOW_PER_MS;
  // The link waits for us now: it is fast, or what we send is little.
  return waits > WAITS_HARDLY && wireBytes < bytes * SMALLER;
}
