/**
 * What the source serves to the one target that it offered a cnvm to, while that migration lasts. Invariant: nobody else
 * gets a byte, and after `close` nothing is served or open.
 */
import { performance } from 'node:perf_hooks';
import type { Duplex } from 'node:stream';
import { refused } from '../base/errors.js';
import type { DumpTarget, FrozenMemory } from '../cnvms/machine.js';
import type { Bulk } from './bulk.js';
import { createEarlyAnswers } from './early-answers.js';
import { readEarlyImage, readImages } from './images.js';
import { createPageRelay, type PageRelay } from './page-relay.js';
import { servePages } from './page-server.js';
import type { Layout } from './page-words.js';
import type { Changed, Channel, ImageChunk, RoundOrder, Wanted } from './peer-port.js';
import { type Throttle, throttled } from './throttle.js';

/** The small images, and deleted files that are still open: memory is only taken for what is there. */
const IMAGES_MAX_BYTES = 1024 * 1024 * 1024;

/** Pages that have gone to the target. */
export interface Flow {
  readonly bytes: number;
  /** When the first of them did, by this process's clock; undefined before. */
  readonly fromMs: number | undefined;
  /** When the latest did. */
  readonly untilMs: number;
}

const NO_FLOW: Flow = { bytes: 0, fromMs: undefined, untilMs: 0 };

export type Outgoing = ReturnType<typeof createOutgoing>;

export interface OutgoingOptions {
  readonly migration: string;
  /** The target's name, as in its certificate. */
  readonly to: string;
  /** The cnvm's writable layer. */
  readonly disk: string;
  readonly bulk: Bulk;
  /** Told of every byte that goes out. */
  readonly onBytes: (channel: Channel, count: number) => void;
  /** Keeps all of it together to a rate; undefined: as fast as it goes. */
  readonly throttle?: Throttle | undefined;
}

export function createOutgoing({ migration, to, disk, bulk, onBytes, throttle }: OutgoingOptions) {
  let relay: PageRelay | undefined;
  /** Whose pages are to be had. */
  let round = 0;
  let rootDir: string | undefined;
  /** The directories of rounds that are still there. */
  const rounds = new Map<number, string>();
  let memory: { readonly frozen: FrozenMemory; readonly layout: Layout } | 'gone' | undefined;
  const asking = new Set<Duplex>();
  let imagesDir = '';
  let flow: Flow = NO_FLOW;
  let targetLeft = false;
  let completed: () => void = () => undefined;
  let failed: (error: Error) => void = () => undefined;
  const complete = new Promise<void>((resolve, reject) => {
    completed = resolve;
    failed = reject;
  });
  complete.catch(() => undefined);
  let tellReady: () => void = () => undefined;
  const ready = new Promise<void>((resolve) => {
    tellReady = resolve;
  });
  const streams = new Set<Duplex>();
  let closed = false;
  let watching: Promise<void> = Promise.resolve();
  const over = new AbortController();
  let diskFree = Promise.resolve();
  let diskWanted = true;
  let freeDisk: () => void = () => undefined;

  async function takeMemory(): Promise<void> {
    const given = memory;
    memory = undefined;
    for (const stream of asking) stream.destroy();
    if (given !== undefined && given !== 'gone') await given.frozen.close();
  }

  /** Post-copy: as many streams as the target has to open, one after another. */
  async function serveMemory(stream: Duplex): Promise<void> {
    if (memory === undefined || memory === 'gone') throw refused('not-found', 'the memory is not here any more');
    asking.add(stream);
    try {
      await servePages(stream, memory.frozen, memory.layout, (count) => onBytes('pages', count));
    } finally {
      asking.delete(stream);
    }
  }

  return {
    to,
    /** From now on the target may ask for what is in it. */
    giveMemory(frozen: FrozenMemory, layout: Layout): void {
      memory = { frozen, layout };
    },
    /** Nothing of it is read any more, so the cnvm may be let run on. */
    takeMemory,
    /** It is lost, and a target that asks for it is told so. */
    refuseMemory(): void {
      memory = 'gone';
    },
    /** Who asks for the disk from now on is kept waiting: the programs of its last pass start while the cnvm runs. */
    holdDisk(): void {
      diskFree = new Promise((resolve) => {
        freeDisk = resolve;
      });
    },
    /** What changes of the disk is noted from now on. @throws when it cannot be. */
    async watchDisk(flushedMs: number): Promise<void> {
      watching = bulk.watchDisk(migration, disk, flushedMs, over.signal);
      await watching;
    },
    /** What has been changed of the disk since it was flushed; undefined: anything may have been. */
    changes: (flushedMs: number, missed: (error: unknown) => void): Promise<Changed> =>
      bulk.changes(migration, disk, flushedMs, missed),
    /** The disk does not change any more. @param wanted whether anything of it has since the seed, or may have. */
    releaseDisk(wanted: boolean): void {
      diskWanted = wanted;
      freeDisk();
    },
    /**
     * Opens the way for the pages of a round, or of the last dump; that of the one before is broken. Of earlier ones only
     * what this one builds on is kept. @param layout in which criu says what the pages are. @returns where a dump is to put the pages and its other images.
     */
    async open(order: RoundOrder, layout: Layout): Promise<DumpTarget> {
      relay?.close();
      flow = NO_FLOW;
      targetLeft = false;
      const count = (bytes: number) => {
        const now = performance.now();
        flow = { bytes: flow.bytes + bytes, fromMs: flow.fromMs ?? now, untilMs: now };
        onBytes('pages', bytes);
      };
      relay = createPageRelay(count, order.parent === 0 ? createEarlyAnswers(layout) : undefined);
      rootDir ??= await bulk.openImages(migration, IMAGES_MAX_BYTES);
      for (const old of rounds.keys()) {
        if (old === order.parent) continue;
        await bulk.closeRound(migration, old);
        rounds.delete(old);
      }
      round = order.round;
      imagesDir = round === 0 ? rootDir : await bulk.openRound(migration, round);
      if (round > 0) rounds.set(round, imagesDir);
      return { imagesDir, parentDir: rounds.get(order.parent), takePages: relay.takePages };
    },
    /** Resolves when the target has come for the pages. */
    attached: async (): Promise<void> => await relay?.attached,
    /** Of the pages whose way is open. */
    flow: (): Flow => flow,
    /** The dump waits for its word: what a restore begins with may go. */
    imagesReady: (): void => tellReady(),
    /** The dump is whole: its images may go. */
    imagesComplete: (): void => completed(),
    /** Breaks the way for pages: a dump that is under way fails, and the cnvm stays whole. */
    breakPages: (): void => relay?.close(),
    /** Whether the target has broken the way for pages: then a dump that fails is a consequence, and no reason. */
    targetLeft: (): boolean => targetLeft,
    /** Serves one stream until it ends. */
    async tunnel({ channel, round: wanted }: Wanted, link: Duplex): Promise<void> {
      // What is held back has been counted already; that it moves is to be seen all the same.
      const stream = throttle === undefined ? link : throttled(link, throttle, () => onBytes(channel, 0));
      // A target that was quick to ask may be heard only when all is over.
      if (closed) throw refused('state', 'the migration has ended');
      streams.add(stream);
      try {
        if (channel === 'disk')
          await bulk.serveDisk(migration, disk, stream, diskFree, (count) => onBytes('disk', count));
        else if (memory !== undefined) await serveMemory(stream);
        else if (relay === undefined) throw refused('state', 'no pages are to be had yet');
        else if (wanted !== round) throw refused('state', `the pages of round ${wanted} are not to be had`);
        else targetLeft = (await relay.attach(stream)) === 'left';
      } catch (error) {
        // The target sends its waiting program off, and ours fails for it.
        if (channel === 'disk' && !diskWanted) return;
        targetLeft ||= channel === 'pages' && memory === undefined;
        throw error;
      } finally {
        streams.delete(stream);
      }
    },
    async *images(): AsyncGenerator<ImageChunk> {
      await Promise.race([ready, complete]);
      const early = yield* readEarlyImage(imagesDir);
      await complete;
      for await (const chunk of readImages(imagesDir, early)) {
        if (throttle === undefined) yield chunk;
        else yield* slicesOf(chunk, throttle);
      }
    },
    async close(): Promise<void> {
      closed = true;
      failed(new Error('the migration has ended'));
      relay?.close();
      await takeMemory();
      for (const stream of streams) stream.destroy();
      // One that is just being begun would be left.
      over.abort(new Error('the migration has ended'));
      await watching.catch(() => undefined);
      await bulk.sweep(migration);
    },
  };
}

async function* slicesOf(chunk: ImageChunk, throttle: Throttle): AsyncGenerator<ImageChunk> {
  let left = chunk.data.length;
  for await (const data of throttle.slices(chunk.data)) {
    left -= data.length;
    yield { ...chunk, data, last: chunk.last && left === 0 };
  }
}
