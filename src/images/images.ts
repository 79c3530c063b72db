/**
 * The images of this node: brought in from elsewhere, given to peers, removed. Invariant: what a cnvm is made from, and what a
 * migration in flight needs, stays; nothing is collected while anything is on its way in.
 */
import { createReadStream } from 'node:fs';
import { readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { messageOf, refused } from '../base/errors.js';
import { fetchBlobs } from './fetch-blobs.js';
import type { LayerSize, OnProgress, Progress, StoredImage } from './image.js';
import { readImage, takeIn } from './intake.js';
import { hexOf } from './layout.js';
import { onlyManifest, platformRefusal } from './oci.js';
import type { ImagePeer, ImageServing, TakeOrder } from './peer-port.js';
import { createProgressFeed } from './progress-feed.js';
import { nameIn, parseSource, type Source } from './reference.js';
import { needFor, needForLayers, shortage } from './space.js';
import type { Freed, ImageStore } from './store.js';
import type { ImageTools } from './tools-port.js';
import { watchGrowth } from './watch-growth.js';

export interface PullOrder {
  readonly source: string;
  /** Empty: one that follows from the source. */
  readonly name: string;
  readonly insecure: boolean;
  readonly entrypoint: readonly string[];
  readonly system: boolean;
}

export interface ImagesOptions {
  readonly node: string;
  readonly store: ImageStore;
  readonly tools: ImageTools;
  /** As OCI names it. */
  readonly architecture: string;
  /** Names of the cnvms, here or on their way, that are made from an image of this digest. */
  readonly usedBy: (digest: string) => readonly string[];
  readonly peers: () => readonly ImagePeer[];
  readonly log: Logger;
}

/** From when it is here, an image that a peer had us bring is kept so long for the cnvm that follows it. */
const GRACE_MS = 10 * 60_000;
/** Each holds a connection and a place on the disk. */
const TAKING_MAX = 8;
const READ_BYTES = 256 * 1024;

export function createImages(options: ImagesOptions) {
  const { store, tools, architecture, peers, log } = options;
  const holds = new Map<string, number>();
  const taking = new Map<string, ReturnType<typeof createProgressFeed>>();
  const over = new AbortController();
  let coming = 0;
  let collectLater = false;
  /** Never fails. */
  let collecting: Promise<void> | undefined;

  /** Afterwards the image stays, whoever else needs it, until what is returned is called. */
  function hold(digest: string): () => void {
    holds.set(digest, (holds.get(digest) ?? 0) + 1);
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      holds.set(digest, (holds.get(digest) ?? 1) - 1);
    };
  }

  function inUse(): Set<string> {
    const digests = store.list().map(({ digest }) => digest);
    return new Set(digests.filter((digest) => (holds.get(digest) ?? 0) > 0 || options.usedBy(digest).length > 0));
  }

  /** One at a time. While anything comes in, it waits for that: what has come already has no record yet. */
  async function collect(): Promise<Freed> {
    while (collecting !== undefined) await collecting;
    if (coming > 0) {
      collectLater = true;
      return { images: [], bytes: 0 };
    }
    collectLater = false;
    const freed = store.collect(inUse());
    const done = () => {
      collecting = undefined;
    };
    collecting = freed.then(done, done);
    return await freed;
  }

  async function whileComing<T>(act: () => Promise<T>): Promise<T> {
    coming += 1;
    try {
      // What is being removed is still there to be seen.
      await collecting;
      return await act();
    } finally {
      coming -= 1;
      if (coming === 0 && collectLater)
        await collect().catch((error: unknown) => log.error({ error }, 'not collected'));
    }
  }

  async function demandSpace(need: number): Promise<void> {
    const why = shortage(need, await tools.available(store.paths.blobs), store.paths.blobs);
    if (why !== undefined) throw refused('state', why, { remedy: 'cnvm image prune removes what nobody needs.' });
  }

  async function fromTransport(reference: string, order: PullOrder, report: OnProgress, signal: AbortSignal) {
    const looked = await tools.look(reference, order.insecure, signal);
    const why = platformRefusal(looked.config, architecture);
    if (why !== undefined) throw refused('invalid', why);
    const missing = looked.blobs.filter(({ digest }) => !store.hasBlob(digest));
    await demandSpace(needFor(missing));
    const layout = store.newIncoming();
    const watching = watchGrowth(
      layout,
      missing.map(({ digest }) => store.blobFile(digest)),
      (bytesDone) =>
        report({ step: 'fetch', bytesDone, bytesTotal: missing.reduce((sum, { bytes }) => sum + bytes, 0) }),
    );
    try {
      await tools.fetch(reference, order.insecure, layout, store.paths.blobs, signal);
      await watching.stop();
      const digest = onlyManifest(await readFile(join(layout, 'index.json'), 'utf8'));
      return await takeIn({ store, tools, architecture }, digest, report, signal);
    } finally {
      await watching.stop();
      await rm(layout, { recursive: true, force: true });
    }
  }

  async function fromRoot(path: string, order: PullOrder, report: OnProgress, signal: AbortSignal) {
    if (order.entrypoint.length === 0)
      throw refused('invalid', `what ${path} is to run is not said`, { remedy: 'Say it: --entrypoint /sbin/init' });
    // As an archive, compressed, and unpacked.
    await demandSpace((await tools.rootBytes(path)) * 3);
    const work = store.newIncoming();
    try {
      report({ step: 'pack', bytesDone: 0, bytesTotal: 0 });
      const reference = await tools.make(path, join(work, 'made'), order, signal);
      return await fromTransport(reference, order, report, signal);
    } finally {
      await rm(work, { recursive: true, force: true });
    }
  }

  const bringFrom = (source: Source, order: PullOrder, report: OnProgress, signal: AbortSignal) =>
    source.kind === 'root'
      ? fromRoot(source.path, order, report, signal)
      : fromTransport(source.reference, order, report, signal);

  /** Brings what is lacking from peers. @param from one that has all of it. */
  async function bring(order: TakeOrder, from: string, report: OnProgress, signal: AbortSignal): Promise<void> {
    await demandSpace(lackingBytes(order.layers));
    const asked = peers();
    const bytesTotal = order.layers.reduce((sum, { bytes }) => sum + bytes, 0);
    let bytesDone = 0;
    const onBytes = (count: number) => {
      bytesDone += count;
      report({ step: 'fetch', bytesDone, bytesTotal });
    };
    const fetching = { store, peers: asked, from, onBytes, signal };
    await fetchBlobs([{ digest: order.digest, bytes: undefined }], fetching);
    const { config } = JSON.parse(await readFile(store.blobFile(order.digest), 'utf8')) as {
      config?: { digest?: string };
    };
    await fetchBlobs([{ digest: config?.digest ?? '', bytes: undefined }], fetching);
    const { layers } = await readImage(store, order.digest, architecture);
    bytesDone = 0;
    await fetchBlobs(layers, fetching);
    await takeIn({ store, tools, architecture }, order.digest, report, signal);
    if (order.name !== '' && !store.hasName(order.name)) await store.setName(order.name, order.digest);
    log.info({ image: order.name, digest: order.digest, peer: from }, 'image brought');
  }

  function lackingBytes(layers: readonly LayerSize[]): number {
    return needForLayers(
      layers.map((layer) => ({
        ...layer,
        hasBlob: store.hasBlob(layer.digest),
        hasLayer: store.hasLayer(layer.diffId),
      })),
    );
  }

  /** One at a time for an image: who asks while it comes is told how far it is. */
  function take(order: TakeOrder, from: string): AsyncIterable<Progress> {
    const under = taking.get(order.digest);
    if (under !== undefined) return under.read();
    hexOf(order.digest);
    if (taking.size >= TAKING_MAX) throw refused('unavailable', `${options.node} is bringing ${taking.size} images`);
    const feed = createProgressFeed();
    taking.set(order.digest, feed);
    const letGo = hold(order.digest);
    const whole = store.byDigest(order.digest) !== undefined;
    const work = whole ? Promise.resolve() : whileComing(() => bring(order, from, feed.report, over.signal));
    void work.then(feed.end, feed.fail).finally(() => {
      taking.delete(order.digest);
      setTimeout(letGo, GRACE_MS).unref();
    });
    return feed.read();
  }

  const serving: ImageServing = {
    have: (digests) => digests.filter((digest) => store.hasBlob(digest)),
    async *pull(digest, offset, signal) {
      if (!store.hasBlob(digest)) throw refused('not-found', `the blob ${digest} is not on ${options.node}`);
      const file = store.blobFile(digest);
      if (offset > (await stat(file)).size) throw refused('invalid', `the blob ${digest} is not so big`);
      for await (const chunk of createReadStream(file, { start: offset, highWaterMark: READ_BYTES, signal }))
        yield chunk as Uint8Array;
    },
    take,
  };

  return {
    serving,
    hold,
    list: store.list,
    find: store.find,
    sizes: store.sizes,
    usedBy: options.usedBy,
    layerDirectory: store.layerDirectory,
    has: (digest: string): boolean => store.byDigest(digest) !== undefined,
    /** What the target of a cnvm of this image has to say about it: whether it is here, and what is short if not. */
    async room(digest: string, layers: readonly LayerSize[]) {
      if (store.byDigest(digest) !== undefined) return { here: true, shortage: undefined };
      const [need, free] = [lackingBytes(layers), await tools.available(store.paths.blobs)];
      return { here: false, shortage: shortage(need, free, `${store.paths.blobs} on ${options.node}`) };
    },

    /** Afterwards the image is here, whole, and has its name. @throws with nothing changed. */
    async pull(order: PullOrder, report: OnProgress, signal: AbortSignal): Promise<StoredImage> {
      const source = parseSource(order.source, order.name);
      const ended = AbortSignal.any([signal, over.signal]);
      return await whileComing(async () => {
        const { digest } = await bringFrom(source, order, report, ended);
        await store.setName(source.name, digest);
        log.info({ image: source.name, digest, source: order.source }, 'image brought');
        return store.find(source.name);
      });
    },

    /** Afterwards it has no name here and goes with its layers, but for what others need. @throws `refused` when in use. */
    async remove(wanted: string): Promise<Freed> {
      const image = store.find(wanted);
      const name = nameIn(image, wanted);
      const last = name === undefined || image.names.length === 1;
      const users = options.usedBy(image.digest);
      if (last && users.length > 0)
        throw refused('state', `${wanted} is in use by ${users.join(', ')}`, { remedy: `cnvm rm ${users.join(' ')}` });
      for (const one of name === undefined ? image.names : [name]) await store.removeName(one);
      return await collect();
    },
    prune: collect,

    /** Has one peer bring an image. @throws when it says why it cannot. */
    async *distributeTo(peer: ImagePeer, image: StoredImage, signal: AbortSignal): AsyncGenerator<Progress> {
      const order = { digest: image.digest, name: image.names[0] ?? '', layers: store.sizes(image) };
      yield* peer.take(order, signal);
    },
    peers,

    /** Removes what an earlier daemon left half done. Before anything comes in. */
    async start(): Promise<void> {
      store.sweep();
      await collect().catch((error: unknown) => log.error({ error: messageOf(error) }, 'images not collected'));
      for (const why of store.torn()) log.error({ why }, 'an image cannot be used');
    },
    /** Nothing comes in any more. */
    stop: (): void => over.abort(refused('cancelled', `${options.node} is shutting down`)),
  };
}
