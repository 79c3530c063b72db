/**
 * A snapshot, from a cnvm to a directory. Invariant: the directory has its name only when all of it is whole and durable; until
 * then, and when this throws, the cnvm is as it was before, and nothing else is left.
 */
import { randomUUID } from 'node:crypto';
import { existsSync, statSync } from 'node:fs';
import { mkdir, readdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { performance } from 'node:perf_hooks';
import { duplexPair } from 'node:stream';
import { abortable } from '../base/abortable.js';
import { syncDirectory, writeFileAtomic } from '../base/atomic-file.js';
import { CnvmError, messageOf, refused } from '../base/errors.js';
import { createUndo, type Undo } from '../base/undo.js';
import type { CnvmRecord } from '../cnvms/cnvm.js';
import type { Dump } from '../cnvms/machine.js';
import type { OnProgress } from '../images/image.js';
import { rolledBack } from '../migration/outcome.js';
import { createPageRelay } from '../migration/page-relay.js';
import { syncFileSystem } from '../tools/sync.js';
import { bytesOf, DISK, MANIFEST, type Manifest, MEMORY, manifestText, nodeOf } from './manifest.js';
import { type Notes, partialName, removePartial } from './notes.js';
import { packArchive } from './oci-archive.js';
import type { SnapshotPorts } from './ports.js';
import { placeRefusals } from './refusals.js';
import { sumsOf } from './sums.js';
import { watchStall } from './watch-stall.js';

export interface TakeOrder {
  readonly name: string;
  /** Absolute. */
  readonly directory: string;
  /** Leave it stopped. */
  readonly stop: boolean;
  /** One file, an OCI archive, and no directory. */
  readonly archive: boolean;
}

export interface Taken {
  readonly directory: string;
  readonly manifest: Manifest;
  /** 0: it was stopped. */
  readonly freezeMs: number;
}

/** Where pages are put while criu writes its other images, which it does with files of its own names. */
const PAGES = 'pages';
/** Where an archive is written, until it has its name. */
const ARCHIVE = 'archive.tar';
const PROGRESS_EVERY_MS = 250;

/** One that is being taken. */
interface Taking {
  readonly ports: SnapshotPorts;
  readonly record: CnvmRecord;
  readonly partial: string;
  readonly archive: boolean;
  readonly memoryBytes: number;
  readonly report: OnProgress;
  readonly signal: AbortSignal;
  /** What lets it run on. */
  readonly thaw: Undo;
  /** From now on the next daemon, too, would stop it. */
  readonly noteWhole: () => Promise<void>;
}

/** Afterwards the snapshot is there, and the cnvm runs, or is stopped, as was asked for. @throws `refused` with every reason. */
export async function takeSnapshot(
  ports: SnapshotPorts & { readonly notes: Notes },
  order: TakeOrder,
  report: OnProgress,
  signal: AbortSignal,
): Promise<Taken> {
  const { cnvms, locks, notes, log } = ports;
  const record = cnvms.recordOf(order.name);
  return await locks.with(record.name, 'being written to a snapshot', async () => {
    await cnvms.demand(record, 'snapshot');
    const hot = (await cnvms.stateOf(record)) === 'running';
    const { memoryBytes } = await demandPossible(ports, record, order, hot);
    const id = randomUUID();
    const partial = partialName(resolve(order.directory), id);
    const told = (what: string, error: unknown) =>
      log.error({ cnvm: record.name, what, error: messageOf(error) }, 'could not undo');
    const { archive } = order;
    const note = { kind: 'taking', id, record, partial } as const;
    let settled = true;
    const noteWhole = async () => {
      await notes.write({ ...note, whole: true });
      settled = false;
    };
    const thaw = createUndo(told);
    const taking = { ports, record, partial, archive, memoryBytes, report, signal, thaw, noteWhole };
    await notes.write(note);
    try {
      await mkdir(partial, { mode: 0o700 });
      const taken = await (hot ? takeRunning(taking, order) : takeStopped(taking, order.directory));
      log.info({ cnvm: record.name, directory: order.directory, freezeMs: taken.freezeMs }, 'snapshot taken');
      settled = true;
      return taken;
    } catch (error) {
      if ((await thaw.run()).length === 0) throw error;
      settled = false;
      const where = { source: ports.node, name: record.name, runs: false, stuck: true, ended: false, begun: true };
      throw rolledBack(error, where);
    } finally {
      cnvms.marks.delete(record.name);
      // When all went well it has another name by now. What cannot be done here is done by the next daemon, by its note.
      await removePartial(partial)
        .then(() => (settled ? notes.remove(id) : undefined))
        .catch((error: unknown) => told('half a snapshot', error));
    }
  });
}

async function demandPossible(
  { machine, available, node }: SnapshotPorts,
  record: CnvmRecord,
  { directory: path, archive }: TakeOrder,
  hot: boolean,
) {
  const usage = await machine.usage(record);
  const memoryBytes = hot ? usage.memoryBytes : 0;
  const above = dirname(path);
  const parentExists = path.startsWith('/') && existsSync(above);
  const place = { directory: path, exists: existsSync(path), parentExists };
  const availableBytes = parentExists ? await available(above) : 0;
  const reasons = [
    // Its files are all there before they are put into an archive.
    ...placeRefusals({ ...place, availableBytes }, (memoryBytes + usage.diskBytes) * (archive ? 2 : 1)),
    ...(hot ? await machine.obstacles(record) : []),
  ];
  if (reasons.length > 0) throw refused('state', reasons.join('; '), { reasons, location: node });
  return { memoryBytes };
}

async function takeStopped(taking: Taking, directory: string): Promise<Taken> {
  const { ports, record, partial, signal } = taking;
  await withGrowth(taking, () => ports.machine.packDisk(record, join(partial, DISK), signal));
  return { directory, manifest: await finish(taking, directory, false), freezeMs: 0 };
}

async function takeRunning(taking: Taking, { directory, stop }: TakeOrder): Promise<Taken> {
  const { ports, record, thaw } = taking;
  const { machine, cnvms, store } = ports;
  const frozenAt = performance.now();
  const dump = await freeze(taking);
  if (!stop) {
    // What comes now takes time, and none of it needs the cnvm.
    await letRunOn(taking, dump);
    const freezeMs = performance.now() - frozenAt;
    cnvms.marks.delete(record.name);
    return { directory, manifest: await finish(taking, directory, true), freezeMs };
  }
  const manifest = await finish(taking, directory, true);
  await taking.noteWhole();
  await store.put({ ...record, wanted: 'stopped' });
  // The snapshot is whole, and so is the word that it is not to run: from here on nothing is taken back.
  thaw.clear();
  await dump.commit();
  await machine.destroy(record);
  ports.announce();
  return { directory, manifest, freezeMs: performance.now() - frozenAt };
}

/** Afterwards it is frozen, and all of it is in the files. When it throws, `thaw` lets it run on. */
async function freeze(taking: Taking): Promise<Dump> {
  const { ports, record, partial, signal, thaw } = taking;
  const { machine, bulk, cnvms } = ports;
  const places = { imagesDir: join(partial, MEMORY), pages: join(partial, PAGES) };
  for (const path of Object.values(places)) await mkdir(path, { mode: 0o700 });
  let frozen = false;
  const over = new AbortController();
  // Who started criu holds its end open: that all pages are filed only the relay knows.
  let pageBytes = 0;
  const relay = createPageRelay((count) => {
    pageBytes += count;
  });
  const [left, right] = duplexPair();
  relay.attach(left).catch(() => undefined);
  const sink = bulk.takePages(places.pages, right, () => undefined);
  thaw.add('freeze', () => (frozen ? machine.thaw(record) : undefined));
  const closePages = () => {
    relay.close();
    sink.close();
  };
  thaw.add('where pages go', closePages);
  const dump = await machine.dump(record, { imagesDir: places.imagesDir, takePages: relay.takePages });
  thaw.add('dump', () => dump.rollBack());
  thaw.add('pages', closePages);
  await abortable(dump.ready, signal);
  frozen = true;
  cnvms.marks.set(record.name, 'frozen');
  await machine.freeze(record);
  dump.begin();
  const written = () => pageBytes + (statSync(join(partial, DISK), { throwIfNoEntry: false })?.size ?? 0);
  const stalled = new AbortController();
  const seconds = ports.stallMs / 1000;
  const unwatch = watchStall(written, ports.stallMs, () =>
    stalled.abort(new CnvmError('aborted', `nothing was written for ${seconds} s; ${record.name} runs on`)),
  );
  thaw.add('watch', unwatch);
  const packing = withGrowth(taking, () =>
    machine.packDisk(record, join(partial, DISK), AbortSignal.any([signal, over.signal])),
  );
  thaw.add('disk', async () => {
    over.abort(refused('cancelled', 'the snapshot was called off'));
    await packing.catch(() => undefined);
  });
  await abortable(Promise.all([dump.held, packing, sink.complete]), AbortSignal.any([signal, stalled.signal]));
  unwatch();
  for (const file of await readdir(places.pages)) {
    // The log of who took them is no part of them.
    if (!file.startsWith('.')) await rename(join(places.pages, file), join(places.imagesDir, file));
  }
  return dump;
}

async function letRunOn({ ports, record, thaw }: Taking, dump: Dump): Promise<void> {
  await dump.rollBack();
  await ports.machine.thaw(record);
  thaw.clear();
}

/** Afterwards the snapshot is durable under its name. */
async function finish(taking: Taking, directory: string, memory: boolean): Promise<Manifest> {
  const { ports, record, partial, archive, memoryBytes, report, signal } = taking;
  await rm(join(partial, PAGES), { recursive: true, force: true });
  const bytesTotal = await sizeOf(partial);
  let bytesDone = 0;
  const count = (bytes: number) => {
    bytesDone += bytes;
    report({ step: 'sums', bytesDone, bytesTotal });
  };
  const files = await sumsOf(partial, count, signal);
  const node = nodeOf(await ports.facts());
  const manifest = { createTime: new Date().toISOString(), record, node, memory, memoryBytes, files };
  const whole = archive ? join(partial, ARCHIVE) : partial;
  if (archive)
    await packArchive({ directory: partial, layout: join(partial, 'layout'), file: whole }, manifest, signal);
  else await writeFileAtomic(join(partial, MANIFEST), manifestText(manifest));
  await syncFileSystem(partial);
  signal.throwIfAborted();
  if (existsSync(directory)) throw refused('exists', `${directory} exists by now`);
  await rename(whole, directory);
  await syncDirectory(dirname(directory));
  report({ step: 'sums', bytesDone: bytesOf(manifest), bytesTotal });
  return manifest;
}

async function sizeOf(partial: string): Promise<number> {
  const memory = await readdir(join(partial, MEMORY)).catch(() => []);
  const files = [DISK, ...memory.map((name) => join(MEMORY, name))].map((name) => join(partial, name));
  const sizes = await Promise.all(files.map(async (file) => (await stat(file)).size));
  return sizes.reduce((sum, size) => sum + size, 0);
}

/** Tells how much of the disk is written meanwhile. */
async function withGrowth({ partial, report }: Taking, act: () => Promise<void>): Promise<void> {
  const tell = async () => {
    const size = (await stat(join(partial, DISK)).catch(() => undefined))?.size ?? 0;
    report({ step: 'memory and disk', bytesDone: size, bytesTotal: 0 });
  };
  const timer = setInterval(() => void tell(), PROGRESS_EVERY_MS);
  try {
    await act();
  } finally {
    clearInterval(timer);
  }
}
