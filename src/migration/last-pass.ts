/**
 * What the last pass of the disk is told at the source, so that it need not look at every file while nothing runs. Invariant:
 * when it cannot be told for sure, everything is looked at.
 */
import { messageOf } from '../base/errors.js';
import type { Changed } from './peer-port.js';
import type { SourceRun } from './source-run.js';

/** Whether the times of files will say what has changed since the seed began. */
export function canTellChanges({ flushedMs, clockWasSet }: SourceRun): boolean {
  return flushedMs > 0 && !clockWasSet();
}

/** To be asked when nothing runs. Undefined: anything may have been changed. */
export async function changedSinceSeed(run: SourceRun): Promise<Changed> {
  const { ports, outgoing, flushedMs } = run;
  try {
    const changed = await outgoing.changes(flushedMs);
    return canTellChanges(run) ? changed : undefined;
  } catch (error) {
    ports.log.warn({ error: messageOf(error) }, 'what has changed on the disk cannot be told; all of it is looked at');
    return undefined;
  }
}
