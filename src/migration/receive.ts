/**
 * A migration, told by its target: the mirror of `migrate.ts`, phase for phase. Each step waits for the source to ask.
 * Invariant: until the hand-over every failure leaves nothing here; from it on the cnvm is ours, and it is either run or
 * durably given back.
 */
import { performance } from 'node:perf_hooks';
import type { Logger } from 'pino';
import { abortable } from '../base/abortable.js';
import { CnvmError, messageOf } from '../base/errors.js';
import type { Undo } from '../base/undo.js';
import type { CnvmRecord } from '../cnvms/cnvm.js';
import type { LazyMemory, Machine } from '../cnvms/machine.js';
import type { Bulk, PageSink } from './bulk.js';
import { type ComingImages, ended, type LastPass, lastPass, NO_IMAGES, pullSeed, takeImages } from './incoming.js';
import type { Journal } from './journal.js';
import type { FreezePart, MemoryMode, Mode } from './migration.js';
import { entry, note } from './note-target.js';
import type { Layout } from './page-words.js';
import type { BulkLink, Changed, Collected, HandOverResult, Prepared, PrepareOrder } from './peer-port.js';
import { bringRest, runAtOnce } from './postcopy-target.js';
import type { Report } from './report.js';
import type { RoundOrders } from './round-orders.js';
import type { Steps } from './steps.js';
import { type Memory, openImages, PATIENCE_MS, takeRounds } from './take-rounds.js';

/** The calls of the source, in the order in which they come. */
export type TargetSteps = {
  offer: { ask: undefined; answer: undefined };
  seed: { ask: undefined; answer: { diskBytes: number } };
  /** Asked with the last dump's place among the rounds, and what is known of the files' times. */
  prepare: { ask: PrepareOrder; answer: Prepared };
  /** Asked with what has changed since the seed began. */
  collect: { ask: Changed; answer: Collected };
  handOver: { ask: number; answer: HandOverResult };
  release: { ask: undefined; answer: undefined };
};

/** One migration to here, from its first line to its last. */
export interface TargetRun {
  /** As it will be here: our landing, the source's epoch. */
  readonly record: CnvmRecord;
  readonly mode: Mode;
  readonly source: { readonly name: string; readonly link: BulkLink };
  readonly memoryBytes: number;
  /** As both ends have agreed; undefined in a cold migration, and when the source or this node knows of no rounds. */
  readonly memoryMode: MemoryMode | undefined;
  readonly memory: Memory;
  /** The shape of the words in which memory that follows is asked for. */
  readonly layout: Layout;
  /** It is ours, and shown as it is, also while its source clears the copy away; its lock stays until that is done. */
  readonly taken: () => void;
  readonly steps: Steps<TargetSteps>;
  readonly orders: RoundOrders;
  readonly report: Report;
  readonly undo: Undo;
  readonly signal: AbortSignal;
  readonly ports: TargetPorts;
}

export interface TargetPorts {
  readonly node: string;
  readonly machine: Machine;
  readonly bulk: Bulk;
  readonly journal: Journal;
  /** The record is ours. */
  readonly keep: (record: CnvmRecord) => Promise<void>;
  /** The record is a peer's. */
  readonly forget: (record: CnvmRecord) => Promise<void>;
  /** It is about to run here, and no record says so yet. Tells every peer: its first packet goes the new way. */
  readonly claim: (record: CnvmRecord) => void;
  /** It is not to run here after all. */
  readonly disclaim: (record: CnvmRecord) => void;
  /** Tells every peer what is ours now. */
  readonly announce: () => void;
  readonly log: Logger;
}

/** After it runs here the images are only ballast, and the source's word to drop them may be lost. */
const RELEASE_PATIENCE_MS = 60_000;
/** A second try helps where the first failed for a reason that passes, such as memory that was short. */
const RESTORE_TRIES = 2;

/** Afterwards it is ours and runs, or it is the source's and nothing of it is here. Never throws: the steps tell. */
export async function receive(run: TargetRun): Promise<void> {
  const { steps, ports } = run;
  let incoming: Incoming;
  let epoch: number;
  try {
    await expect(run);
    await seed(run);
    await takeRounds(run);
    incoming = await prepare(run);
    await collect(run, incoming);
    epoch = await steps.until('handOver', PATIENCE_MS);
    await note(run, 'activating', epoch);
  } catch (error) {
    await cancel(run, error);
    return;
  }
  // The point of no return: it is ours, until we have durably given it back.
  await activate(run, incoming.imagesDir, epoch).catch((error: unknown) => {
    ports.log.error({ error }, 'a cnvm that was handed over is neither running nor given back');
    steps.fail(error);
  });
}

/** It never was ours. */
async function cancel(run: TargetRun, error: unknown): Promise<void> {
  const { steps, report, ports, source } = run;
  await run.undo.run();
  // On a full disk "receiving" stays, which a daemon that starts anew takes for the same.
  await note(run, 'cancelled', run.record.epoch, messageOf(error)).catch(() =>
    ports.journal.remember({ ...entry(run, 'cancelled'), settled: true }),
  );
  steps.fail(error);
  report.end('aborted', source.name, messageOf(error));
  ports.log.warn({ error: messageOf(error) }, 'a cnvm did not come');
}

async function expect(run: TargetRun): Promise<void> {
  const { ports, record, undo, steps } = run;
  await steps.until('offer', PATIENCE_MS);
  await ports.machine.demandRoom(record);
  await note(run, 'receiving', record.epoch);
  undo.add('scratch', () => ports.bulk.sweep(run.report.migration.id));
  await ports.machine.expect(record);
  undo.add('disk', () => ports.machine.erase(record));
  undo.add('processes and mounts', () => ports.machine.destroy(record));
  steps.done('offer', undefined);
}

async function seed(run: TargetRun): Promise<void> {
  const { steps, report } = run;
  await steps.until('seed', PATIENCE_MS);
  report.phase('seed');
  await run.source.link.reach(run.signal);
  const diskBytes = await pullSeed(run);
  steps.done('seed', { diskBytes });
}

/** What comes while the source is frozen; its programs run, and wait, from before. */
interface Incoming {
  /** Empty in a cold migration. */
  readonly imagesDir: string;
  /** Undefined in a cold migration, and when its memory comes after it. */
  readonly pages: PageSink | undefined;
  readonly images: ComingImages;
  /** What the last of the disk may be waiting for. */
  readonly tellChanged: LastPass['tellChanged'];
  /** The bytes that came, when the last of the disk is here. */
  readonly disk: Promise<number>;
  /** Ends all that comes. */
  readonly over: AbortController;
}

async function prepare(run: TargetRun): Promise<Incoming> {
  const { undo, steps, signal, ports, record } = run;
  const order = await steps.until('prepare', PATIENCE_MS);
  await ports.bulk.distrust(ports.machine.diskDirectory(record), order.flushedMs);
  const memory = run.mode === 'hot' ? await openImages(run, order) : { imagesDir: '', pages: undefined };
  undo.add('pages', () => memory.pages?.close());
  const over = new AbortController();
  const until = AbortSignal.any([signal, over.signal]);
  const { disk, tellChanged } = lastPass(run, until, order.changes);
  const images =
    run.mode === 'hot'
      ? takeImages(
          run.source.link.pullImages(run.report.migration.id, until),
          memory.imagesDir,
          run.memoryMode === 'post-copy',
        )
      : NO_IMAGES;
  undo.add('what still comes', () => ended(over, disk, images.files));
  steps.done('prepare', { changes: order.changes });
  return { ...memory, images, tellChanged, disk, over };
}

/** Afterwards all of it is here, and its disk is mounted. */
async function collect(run: TargetRun, incoming: Incoming): Promise<void> {
  const { ports, report, record, steps, undo } = run;
  const { imagesDir, pages, images, tellChanged, disk, over } = incoming;
  // Its failure is told when it is waited for.
  disk.catch(() => undefined);
  tellChanged(await steps.until('collect', PATIENCE_MS));
  report.phase('freeze', run.memoryBytes);
  const parts: FreezePart[] = [];
  const signal = AbortSignal.any([run.signal, over.signal]);
  // Mounted as soon as it is whole: the memory often takes longer.
  const mounted = timed('last of the disk', parts, () => disk).then(async (bytes) => {
    signal.throwIfAborted();
    await timed('mount', parts, () => ports.machine.assemble(record));
    if (images.canBegin()) beginEarly(run, imagesDir);
    return bytes;
  });
  undo.add('mount', () => ended(over, mounted));
  const all = Promise.all([mounted, images.files, pages?.complete]);
  const [diskBytes, imageBytes] = await abortable(all, run.signal);
  steps.done('collect', { diskBytes, imageBytes, parts });
}

/** It waits for the images, and for the hand-over. Without it, all that it would have done is done later. */
function beginEarly({ ports, record }: TargetRun, imagesDir: string): void {
  ports.machine.beginRestore(record, imagesDir).catch((error: unknown) => {
    ports.log.warn({ error: messageOf(error) }, 'the restore could not be begun early');
  });
}

/** It is ours now. */
async function activate(run: TargetRun, imagesDir: string, epoch: number): Promise<void> {
  const { ports, report, steps } = run;
  const owned: CnvmRecord = { ...run.record, owner: ports.node, epoch };
  const parts: FreezePart[] = [];
  report.phase('activate');
  let memory: LazyMemory | undefined;
  run.undo.add('claim', async () => ports.disclaim(owned));
  ports.claim(owned);
  try {
    const from = performance.now();
    const brought = await bring(run, owned, imagesDir);
    const { networkMs } = brought;
    if ('complete' in brought) memory = brought;
    parts.push({ name: 'restore', ms: performance.now() - from - networkMs }, { name: 'network', ms: networkMs });
    run.undo.add('record', () => ports.forget(owned));
    // In this order: once "running" is noted the source may hear it, and then nothing can be given back.
    await ports.keep(owned);
    await note(run, memory === undefined ? 'running' : 'paging', epoch);
  } catch (error) {
    memory?.breakOff();
    await giveBack(run, epoch + 1, messageOf(error));
    return;
  }
  run.undo.clear();
  steps.done('handOver', { kind: 'running', parts });
  run.taken();
  ports.announce();
  report.parts(parts);
  report.know({ epoch });
  if (memory === undefined || (await bringRest(run, owned, memory))) await clear(run);
}

/**
 * Runs it, in two tries. A cold one that was stopped stays so. @returns how long it took to let its packets in; by
 * post-copy, what of its memory is still to come, too.
 */
async function bring(
  run: TargetRun,
  record: CnvmRecord,
  imagesDir: string,
): Promise<LazyMemory | { networkMs: number }> {
  const { machine, log } = run.ports;
  if (run.mode === 'cold') {
    if (record.wanted === 'running') await machine.boot(record);
    return { networkMs: 0 };
  }
  for (let attempt = 1; ; attempt += 1) {
    try {
      if (run.memoryMode === 'post-copy') return await runAtOnce(run, record, imagesDir);
      return await machine.restore(record, imagesDir);
    } catch (error) {
      log.warn({ attempt, error }, 'it could not be restored');
      // What may have run has changed its disk, which does not fit its memory then.
      if (attempt === RESTORE_TRIES || !(error instanceof CnvmError && error.code === 'tool')) throw error;
    }
  }
}

/** Durably not ours any more, before the source hears it. */
async function giveBack(run: TargetRun, epoch: number, reason: string): Promise<void> {
  await run.undo.run();
  const { status } = await run.ports.machine.look(run.record);
  if (status !== 'stopped') throw new Error(`it could not be taken away again, after: ${reason}`);
  await note(run, 'returned', epoch, reason);
  run.steps.done('handOver', { kind: 'returned', reason, epoch });
  run.report.end('aborted', run.source.name, reason);
}

/** Drops the images when the source has let go, or has had time enough to. It runs, so nothing here is thrown. */
async function clear(run: TargetRun): Promise<void> {
  const { steps, report, ports } = run;
  report.phase('release');
  await steps.until('release', RELEASE_PATIENCE_MS).catch(() => undefined);
  const ended = { ...entry(run, 'running'), migration: report.end('succeeded', ports.node), settled: true };
  try {
    await ports.bulk.sweep(report.migration.id);
    await ports.journal.write(ended);
  } catch (error) {
    ports.log.error({ error }, 'could not clear up; the next daemon will');
  }
  steps.done('release', undefined);
}

async function timed<T>(name: string, parts: FreezePart[], act: () => Promise<T>): Promise<T> {
  const from = performance.now();
  const result = await act();
  parts.push({ name, ms: performance.now() - from });
  return result;
}
