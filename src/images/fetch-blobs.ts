/**
 * Blobs from peers: from the nearest one that has each, and from the next where it left off when that breaks. Invariant: a
 * blob is put into the store when all of it has come and is what its digest says, and not before.
 */
import { createHash } from 'node:crypto';
import { createReadStream, existsSync } from 'node:fs';
import { open, rm, stat } from 'node:fs/promises';
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { CnvmError, messageOf, refused } from '../base/errors.js';
import type { ImagePeer } from './peer-port.js';
import type { ImageStore } from './store.js';

export interface Wanted {
  readonly digest: string;
  /** As many must come; undefined when nobody has said it. */
  readonly bytes: number | undefined;
}

/** A peer that does not answer by then is not near. */
const ASK_MS = 3_000;
const AGAIN_MS = 500;
/** Without a byte, from anybody; a link that is cut and heals within it costs nothing. */
const PATIENCE_MS = 60_000;
/** A manifest or a config of which nobody has said how big it is. */
const UNKNOWN_BYTES_MAX = 8 * 1024 * 1024;

export interface Fetching {
  readonly store: ImageStore;
  readonly peers: readonly ImagePeer[];
  /** Which is known to have all of it. */
  readonly from: string;
  readonly onBytes: (count: number) => void;
  readonly signal: AbortSignal;
}

/** Afterwards all of them are in the store. @throws when nobody gives one of them for long, or what came is something else. */
export async function fetchBlobs(wanted: readonly Wanted[], fetching: Fetching): Promise<void> {
  const { store, onBytes } = fetching;
  const missing = wanted.filter(({ digest }) => !store.hasBlob(digest));
  for (const { digest, bytes } of wanted) if (store.hasBlob(digest)) onBytes(bytes ?? 0);
  if (missing.length === 0) return;
  const order = await byNearness(missing, fetching);
  for (const one of missing)
    await store.withPartial(one.digest, async (partial) => {
      // Another image that has it, too, may have brought it.
      if (store.hasBlob(one.digest)) onBytes(one.bytes ?? 0);
      else await fetchBlob(one, partial, order.get(one.digest) ?? [], fetching);
    });
}

/** For each blob the peers that say they have it, the one that answered first in front, and `from` in any case. */
async function byNearness(
  missing: readonly Wanted[],
  { peers, from, signal }: Fetching,
): Promise<ReadonlyMap<string, ImagePeer[]>> {
  const digests = missing.map(({ digest }) => digest);
  const asked = peers.map(async (peer) => {
    const began = performance.now();
    const limit = AbortSignal.any([signal, AbortSignal.timeout(ASK_MS)]);
    const have = await peer.have(digests, limit).catch((): readonly string[] => []);
    return { peer, have: new Set(have), ms: performance.now() - began };
  });
  const answers = (await Promise.all(asked)).sort((a, b) => a.ms - b.ms);
  const last = peers.filter(({ name }) => name === from);
  return new Map(
    digests.map((digest) => {
      const near = answers.filter(({ have }) => have.has(digest)).map(({ peer }) => peer);
      return [digest, [...near, ...last.filter((peer) => !near.includes(peer))]];
    }),
  );
}

async function fetchBlob(
  wanted: Wanted,
  partial: string,
  peers: readonly ImagePeer[],
  fetching: Fetching,
): Promise<void> {
  const { store, signal } = fetching;
  let movedMs = performance.now();
  let why: unknown = refused('unavailable', `no peer has the blob ${wanted.digest}`);
  const moved = (count: number) => {
    movedMs = performance.now();
    fetching.onBytes(count);
  };
  // Whose blob, all of it, was something else gives nothing else the next time.
  const liars = new Set<ImagePeer>();
  while (performance.now() - movedMs < PATIENCE_MS && peers.some((peer) => !liars.has(peer))) {
    for (const peer of peers.filter((one) => !liars.has(one))) {
      signal.throwIfAborted();
      const alone = !existsSync(partial);
      try {
        await pullRest(wanted, peer, partial, moved, signal);
        return await take(wanted, partial, store);
      } catch (error) {
        why = error;
        if (alone && error instanceof CnvmError && error.kind === 'invalid') liars.add(peer);
      }
    }
    if (peers.some((peer) => !liars.has(peer))) await sleep(AGAIN_MS, undefined, { signal });
  }
  throw refused('unavailable', `a part of the image does not come: ${messageOf(why)}`, { cause: why });
}

/** Goes on where what has come ends. */
async function pullRest(
  { digest, bytes }: Wanted,
  peer: ImagePeer,
  partial: string,
  moved: (count: number) => void,
  signal: AbortSignal,
): Promise<void> {
  const limit = bytes ?? UNKNOWN_BYTES_MAX;
  let size = existsSync(partial) ? (await stat(partial)).size : 0;
  if (size === bytes) return;
  const file = await open(partial, 'a', 0o600);
  try {
    for await (const chunk of peer.pull(digest, size, signal)) {
      size += chunk.length;
      if (size > limit) throw await spoilt(partial, `${peer.name} sends more of ${digest} than there is`);
      await file.writeFile(chunk);
      moved(chunk.length);
    }
    if (bytes !== undefined && size < bytes) throw refused('unavailable', `${peer.name} ended early`);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Into the store, if it is what it is called. What is not is thrown away: the next try begins anew. */
async function take({ digest }: Wanted, partial: string, store: ImageStore): Promise<void> {
  const sum = createHash('sha256');
  for await (const chunk of createReadStream(partial)) sum.update(chunk as Uint8Array);
  const found = `sha256:${sum.digest('hex')}`;
  if (found !== digest) throw await spoilt(partial, `what came is not what its digest says: ${found}, not ${digest}`);
  await store.putBlob(digest, partial);
}

async function spoilt(partial: string, why: string) {
  await rm(partial, { force: true });
  return refused('invalid', why);
}
