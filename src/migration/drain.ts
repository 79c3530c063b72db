/**
 * Connections that their programs have closed, before the freeze. Nobody holds them any more, so criu does not see them, and
 * what they have not delivered yet would be lost. Invariant: it only waits, and never for long: a peer that does not read must
 * not keep a cnvm where it is.
 */
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import type { SourceRun } from './source-run.js';

/** What is in the kernel's buffers, at most some MiB, goes over a usual link in that. */
const DRAIN_MS = 5_000;
const POLL_MS = 20;

/** Afterwards there are none, or it is told how many lose their end. */
export async function drain({ ports, record, report, signal }: SourceRun): Promise<void> {
  const until = performance.now() + DRAIN_MS;
  let left = await ports.machine.closing(record);
  while (left > 0 && performance.now() < until) {
    await sleep(POLL_MS, undefined, { signal });
    left = await ports.machine.closing(record);
  }
  if (left === 0) return;
  const connections = left === 1 ? '1 connection that its program has' : `${left} connections that their programs have`;
  report.step(`warning: ${connections} closed still had something to deliver after ${DRAIN_MS / 1000} s: that is lost`);
}
