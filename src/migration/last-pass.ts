/**
 * What the last pass of the disk is told at the source, so that it need not look at every file while nothing runs. Invariant:
 * when it cannot be told for sure, everything is looked at.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf } from '../base/errors.js';
import type { Changed } from './peer-port.js';
import type { SourceRun } from './source-run.js';

/** Whether the times of files will say what has changed since the seed began. */
export function canTellChanges({ flushedMs, clockWasSet }: SourceRun): boolean {
  return flushedMs > 0 && !clockWasSet();
}

/** By then a tree of a million files that rsync has just been through is known. One that takes longer is not waited for. */
const WATCH_WAIT_MS = 10_000;

/**
 * What changes from now on is noted. Resolves when all that was there is known, or when nothing can be noted: then the freeze
 * takes longer, and no less is told in it. To be called when the seed is whole.
 */
export async function watchChanges({ ports, outgoing, flushedMs, running, signal }: SourceRun): Promise<void> {
  if (!running || flushedMs === 0) return;
  const known = new AbortController();
  const watching = outgoing
    .watchDisk(flushedMs)
    .catch((error: unknown) => {
      ports.log.info({ error: messageOf(error) }, 'what changes on the disk is not watched');
    })
    .finally(() => known.abort());
  // Also when it was called off meanwhile, which is seen by who comes next.
  const late = sleep(WATCH_WAIT_MS, undefined, { signal: AbortSignal.any([known.signal, signal]) }).catch(
    () => undefined,
  );
  await Promise.race([watching, late]);
}

/** To be asked when nothing runs. Undefined: anything may have been changed. */
export async function changedSinceSeed(run: SourceRun): Promise<Changed> {
  const { ports, outgoing, flushedMs } = run;
  try {
    const changed = await outgoing.changes(flushedMs, (error) =>
      ports.log.warn({ error: messageOf(error) }, 'the watch of the disk is of no use; all of it is looked at'),
    );
    return canTellChanges(run) ? changed : undefined;
  } catch (error) {
    ports.log.warn({ error: messageOf(error) }, 'what has changed on the disk cannot be told; all of it is looked at');
    return undefined;
  }
}
