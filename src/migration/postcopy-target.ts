/**
 * Post-copy, told by its target: runs it, and brings the rest of its memory from the source. The mirror of `postcopy.ts`.
 * Invariant: it runs with its own memory or not at all; what did not come ends it, durably, before anybody hears of it.
 */
import { CnvmError, messageOf } from '../base/errors.js';
import type { CnvmRecord } from '../cnvms/cnvm.js';
import type { LazyMemory } from '../cnvms/machine.js';
import { entry, note } from './note-target.js';
import { createPageClient } from './page-client.js';
import type { TargetRun } from './receive.js';

/** A source that reboots is back within it; what waits for a page waits as long. */
const PATIENCE_MS = 15 * 60_000;

/** Runs it, its memory still at the source. @throws with nothing of it running. */
export async function runAtOnce(run: TargetRun, record: CnvmRecord, imagesDir: string): Promise<LazyMemory> {
  const { ports, report, source, layout } = run;
  const client = createPageClient({
    layout,
    connect: () => source.link.tunnel(report.migration.id, 'pages', 0),
    patienceMs: PATIENCE_MS,
    onBytes: report.bytes,
    onStall: (why) => {
      const words = why === undefined ? 'its memory flows again' : `its memory does not come: ${why}`;
      ports.log.warn({ why }, why === undefined ? 'memory flows again' : 'memory does not come');
      report.step(words);
    },
  });
  let why: unknown;
  const memory = await ports.machine.restoreLazily(record, imagesDir, (stream) => {
    client.run(stream).catch((error: unknown) => {
      why = error;
    });
  });
  const complete = memory.complete.catch((error: unknown) => {
    // Why the stream ended is nearer to the fault than what criu says of it.
    throw why === undefined ? error : new Error(messageOf(why), { cause: error });
  });
  complete.catch(() => undefined);
  return { ...memory, complete };
}

/** Afterwards it has ended, ours and stopped, and that is durable. */
async function lose(run: TargetRun, owned: CnvmRecord, error: unknown): Promise<CnvmError> {
  const { ports } = run;
  await ports.machine.destroy(owned);
  // Not started again by itself: whoever it served has to know first that its memory is gone.
  await ports.keep({ ...owned, wanted: 'stopped' });
  return new CnvmError('stranded', `its memory was on two machines, and the rest did not come: ${messageOf(error)}`, {
    location: ports.node,
  });
}

/** It runs, and the rest of its memory comes. @returns whether all of it came; when not, it has ended, durably. */
export async function bringRest(run: TargetRun, owned: CnvmRecord, { complete }: LazyMemory): Promise<boolean> {
  const { report, ports } = run;
  report.phase('postcopy', run.memoryBytes);
  try {
    await complete;
  } catch (error) {
    const { message } = await lose(run, owned, error);
    await note(run, 'lost', owned.epoch, message);
    ports.log.error({ error: message }, 'a cnvm is lost');
    const ended = { ...entry(run, 'lost'), migration: report.end('stranded', ports.node, message), settled: true };
    ports.announce();
    await ports.bulk.sweep(report.migration.id);
    await ports.journal.write(ended);
    return false;
  }
  report.step('all of its memory is here');
  // On a disk that takes no more "paging" stays; a daemon that starts anew sees that all has come.
  await note(run, 'running', owned.epoch).catch(() => ports.journal.remember(entry(run, 'running')));
  return true;
}
