/**
 * The end of a migration at its source: the target owns it. Invariant: nothing here fails the migration; what cannot be
 * cleared is swept by the next daemon.
 */
import { performance } from 'node:perf_hooks';
import { isLeftover } from './leftover.js';
import type { HandOverResult } from './peer-port.js';
import { CALL_MS, note, type SourceRun } from './source-run.js';
import { tell } from './tell.js';

/** The target runs it. Nothing from here on may fail the migration. */
export async function handedOver(run: SourceRun, result: Extract<HandOverResult, { kind: 'running' }>): Promise<void> {
  const { report, record, target, ports } = run;
  const epoch = record.epoch + 1;
  // Who asks about it once more has been told already.
  if (run.frozenAtMs !== undefined && report.migration.freezeMs === 0)
    report.know({ freezeMs: performance.now() - run.frozenAtMs });
  report.parts(result.parts);
  report.know({ epoch, location: target.name });
  const routed = attempt(run, 'route', () => ports.moved(record, target.name, epoch));
  // While the target needs the memory of the copy here, the copy is not released.
  const noted = run.postCopy ? true : attempt(run, 'note', () => note(run, 'released'));
  await Promise.all([routed, noted]);
}

/** What is here is a dead copy. */
export async function release(run: SourceRun): Promise<void> {
  const { report, target } = run;
  if (run.postCopy) await attempt(run, 'note', () => note(run, 'released'));
  report.phase('release');
  report.step(`it runs on ${target.name}`);
  run.undo.clear();
  await letGo(run);
}

/** Clears what is left here of a cnvm that the target owns. What cannot be cleared is swept by the next daemon. */
async function letGo(run: SourceRun): Promise<void> {
  const { report, record, target, ports } = run;
  const leftover = isLeftover(ports.current(record.name), record, record.epoch);
  const cleared = [
    // The record first: while it is here, somebody could start the dead copy.
    !leftover || (await attempt(run, 'record', () => ports.forget(record))),
    await attempt(run, 'dump', async () => await run.dump?.commit()),
    !leftover || (await attempt(run, 'processes', () => ports.machine.destroy(record))),
    !leftover || (await attempt(run, 'disk', () => ports.machine.erase(record))),
    await attempt(run, 'scratch', () => run.outgoing.close()),
  ];
  await tell(() => target.link.release(report.migration.id, { timeoutMs: CALL_MS }));
  await attempt(run, 'note', () => note(run, 'released', cleared.every(Boolean)));
}

/** Whether it went well; when not, that is in the log and nowhere else. */
export async function attempt(run: SourceRun, what: string, act: () => Promise<void>): Promise<boolean> {
  try {
    await act();
    return true;
  } catch (error) {
    run.ports.log.error({ what, error }, 'could not be done after all');
    return false;
  }
}
