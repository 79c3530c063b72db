/**
 * An image whose blobs are here, made into one that cnvms can use. Invariant: nothing is told of it before all of it is whole
 * and durable; when this throws, only blobs and whole layers may be left, which the next collection takes.
 */
import { createHash } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { hasErrno, refused } from '../base/errors.js';
import type { Image, OnProgress } from './image.js';
import { layerId } from './layout.js';
import { imageOf, parseManifest, platformRefusal } from './oci.js';
import type { ImageStore } from './store.js';
import type { ImageTools } from './tools-port.js';

/** A manifest or a config; more is no text of ours to read. */
const TEXT_BYTES_MAX = 8 * 1024 * 1024;

export interface Intake {
  readonly store: ImageStore;
  readonly tools: ImageTools;
  /** As OCI names it. */
  readonly architecture: string;
}

/** Afterwards the image is in the store, without a name. @throws `refused` when it is not what its digests say. */
export async function takeIn(
  { store, tools, architecture }: Intake,
  digest: string,
  onProgress: OnProgress,
  signal: AbortSignal,
): Promise<Image> {
  const image = await readImage(store, digest, architecture);
  const missing = image.layers.filter(({ diffId }) => !store.hasLayer(diffId));
  const bytesTotal = missing.reduce((sum, { bytes }) => sum + bytes, 0);
  const incoming = store.newIncoming();
  let bytesDone = 0;
  try {
    for (const layer of missing) {
      const target = join(incoming, layerId(layer.diffId));
      // Two layers of an image may be the same.
      if (!madeNew(target)) continue;
      const onBytes = (count: number) => {
        bytesDone += count;
        onProgress({ step: 'unpack', bytesDone, bytesTotal });
      };
      await tools.unpack(store.blobFile(layer.digest), layer, target, onBytes, signal).catch(async (error: unknown) => {
        // Else a blob that was spoilt here would be taken for good by the next one who wants it.
        if (isSpoilt(error)) await store.dropBlob(layer.digest);
        throw error;
      });
    }
    signal.throwIfAborted();
    await tools.flush(incoming);
    for (const layer of missing) {
      const target = join(incoming, layerId(layer.diffId));
      if (!store.hasLayer(layer.diffId)) await store.putLayer(layer, target, await tools.bytesOf(target));
    }
    await store.putImage(image);
    return image;
  } finally {
    await rm(incoming, { recursive: true, force: true });
  }
}

/** What the manifest of this digest says, checked. */
export async function readImage(store: ImageStore, digest: string, architecture: string): Promise<Image> {
  const manifest = parseManifest(await readBlob(store, digest));
  const config = await readBlob(store, manifest.config.digest);
  const why = platformRefusal(config, architecture);
  if (why !== undefined) throw refused('invalid', why);
  return imageOf(digest, manifest, config);
}

/** The text of a blob. @throws `refused` when it is not what its digest says. */
export async function readBlob(store: ImageStore, digest: string): Promise<string> {
  const bytes = await readFile(store.blobFile(digest)).catch((error: unknown) => {
    throw hasErrno(error, 'ENOENT') ? refused('not-found', `the blob ${digest} is not here`) : error;
  });
  const found = `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
  if (found === digest && bytes.length <= TEXT_BYTES_MAX) return bytes.toString('utf8');
  await store.dropBlob(digest);
  throw refused('invalid', `the blob ${digest} is not what its digest says: ${found}`);
}

function madeNew(directory: string): boolean {
  try {
    mkdirSync(directory, { mode: 0o755 });
    return true;
  } catch (error) {
    if (hasErrno(error, 'EEXIST')) return false;
    throw error;
  }
}

function isSpoilt(error: unknown): boolean {
  return error instanceof Error && /not what its digest says/.test(error.message);
}
