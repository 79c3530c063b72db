/**
 * The images of this node, on disk: their records, names, layers and blobs. Invariant: an image that it tells of is whole; what
 * is put into it is durable before it is told of, and what dies half way leaves nothing but what `sweep` removes.
 */
import { randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { removeFileDurably, sweepTemporaries, syncDirectory, writeFileAtomic } from '../base/atomic-file.js';
import { messageOf, refused } from '../base/errors.js';
import { inTurn } from '../base/in-turn.js';
import { createOneByOne } from '../base/one-by-one.js';
import { garbageOf } from './garbage.js';
import { type Image, imageSchema, type Layer, type LayerSize, type StoredImage } from './image.js';
import { hexOf, layerId, storePaths } from './layout.js';
import { pick } from './reference.js';

const namesSchema = z.record(z.string(), z.string());
const layerSchema = z.object({ diffId: z.string(), unpackedBytes: z.number().int().nonnegative() });

export interface Freed {
  readonly images: readonly string[];
  readonly bytes: number;
}

export type ImageStore = ReturnType<typeof openImageStore>;

/** @param directory is made when it is missing. @throws when what is in it cannot be read. */
export function openImageStore(directory: string) {
  const paths = storePaths(directory);
  // A layer's files may be setuid, and no user of the node is to run them.
  mkdirSync(directory, { recursive: true, mode: 0o755 });
  for (const path of [paths.images, paths.blobFiles, paths.layers, paths.incoming, paths.partial])
    mkdirSync(path, { recursive: true, mode: 0o700 });
  const names = new Map(Object.entries(readNames(paths.names)));
  const images = new Map<string, Image>();
  const torn: string[] = [];
  for (const file of readdirSync(paths.images).filter((name) => name.endsWith('.json'))) {
    const read = readImage(join(paths.images, file));
    if (typeof read === 'string') torn.push(read);
    else images.set(read.digest, read);
  }

  const blobFile = (digest: string) => join(paths.blobFiles, hexOf(digest));
  const layerDirectory = (diffId: string) => join(paths.layers, layerId(diffId));
  const layerFile = (diffId: string) => `${layerDirectory(diffId)}.json`;

  function sizeOf(diffId: string): number | undefined {
    if (!existsSync(layerDirectory(diffId)) || !existsSync(layerFile(diffId))) return undefined;
    const layer = layerSchema.parse(JSON.parse(readFileSync(layerFile(diffId), 'utf8')));
    if (layer.diffId !== diffId) throw refused('state', `${layerFile(diffId)} is that of ${layer.diffId}`);
    return layer.unpackedBytes;
  }

  const stored = (image: Image): StoredImage => ({
    ...image,
    names: [...names].filter(([, digest]) => digest === image.digest).map(([name]) => name),
  });
  const list = () => [...images.values()].map(stored).sort((a, b) => sortName(a).localeCompare(sortName(b)));

  // In turn: of two that write at once the one that knew less might be the last.
  const writeNamesInTurn = inTurn<void>(async () => {
    await writeFileAtomic(paths.names, `${JSON.stringify(Object.fromEntries(names), null, 2)}\n`);
  });
  const writeNames = () => writeNamesInTurn(undefined);
  const oneByOne = createOneByOne();

  /** Out of sight at once, so that what dies half way leaves no part of it where it was. */
  async function removeTree(path: string): Promise<void> {
    const grave = join(paths.incoming, randomUUID());
    await rename(path, grave);
    await rm(grave, { recursive: true, force: true });
  }

  return {
    paths,
    list,
    /** Why images that are here cannot be used, each a sentence. */
    torn: (): readonly string[] => torn,
    /** @throws `refused` when none, or more than one, is meant by that. */
    find: (wanted: string): StoredImage => pick(list(), wanted),
    byDigest(digest: string): StoredImage | undefined {
      const image = images.get(digest);
      return image === undefined ? undefined : stored(image);
    },
    blobFile,
    layerDirectory,
    hasBlob: (digest: string): boolean => existsSync(blobFile(digest)),
    hasLayer: (diffId: string): boolean => sizeOf(diffId) !== undefined,
    sizes: (image: Image): LayerSize[] =>
      image.layers.map(({ digest, diffId, bytes }) => ({ digest, diffId, bytes, unpackedBytes: sizeOf(diffId) ?? 0 })),

    /** A directory of its own for what comes in; on the store's file system. */
    newIncoming(): string {
      const path = join(paths.incoming, randomUUID());
      mkdirSync(path, { mode: 0o700 });
      return path;
    },

    /** Afterwards the layer is here; what is at `from` must be durable, and is not there any more. */
    async putLayer({ diffId }: Layer, from: string, unpackedBytes: number): Promise<void> {
      // Two images that come at once may share it.
      await oneByOne(layerDirectory(diffId), async () => {
        if (sizeOf(diffId) !== undefined) return await rm(from, { recursive: true, force: true });
        // One that died between the two.
        if (existsSync(layerDirectory(diffId))) await removeTree(layerDirectory(diffId));
        await writeFileAtomic(layerFile(diffId), `${JSON.stringify({ diffId, unpackedBytes })}\n`);
        await rename(from, layerDirectory(diffId));
        await syncDirectory(paths.layers);
      });
    },

    /** Runs `act` with the file in which what has come of a blob lies; nobody else has it meanwhile. */
    withPartial: <T>(digest: string, act: (file: string) => Promise<T>): Promise<T> => {
      const file = join(paths.partial, hexOf(digest));
      return oneByOne(file, () => act(file));
    },

    /** Afterwards the blob is here; what is at `from` must be durable, and be what its digest says. */
    async putBlob(digest: string, from: string): Promise<void> {
      await rename(from, blobFile(digest));
      await syncDirectory(paths.blobFiles);
    },

    /** For one that is not what its digest says. */
    dropBlob: (digest: string): Promise<void> => removeFileDurably(blobFile(digest)),

    /** Afterwards the image is told of. All of it must be here. */
    async putImage(image: Image): Promise<void> {
      const missing = image.layers.filter(({ diffId }) => sizeOf(diffId) === undefined);
      if (missing.length > 0) throw new Error(`layers of ${image.digest} are missing`);
      await writeFileAtomic(join(paths.images, `${hexOf(image.digest)}.json`), `${JSON.stringify(image, null, 2)}\n`);
      images.set(image.digest, image);
    },

    /** Afterwards the name stands for this image, whatever it stood for before. */
    async setName(name: string, digest: string): Promise<void> {
      names.set(name, digest);
      await writeNames();
    },
    hasName: (name: string): boolean => names.has(name),
    async removeName(name: string): Promise<void> {
      names.delete(name);
      await writeNames();
    },

    /**
     * Removes what nobody needs. Nothing may be on its way in, nor come in until it has ended. @param used digests of images that are in use.
     * @throws `refused` while an image cannot be read: which layers it needs is not known.
     */
    async collect(used: ReadonlySet<string>): Promise<Freed> {
      if (torn.length > 0) throw refused('state', `nothing of the images is removed: ${torn.join('; ')}`);
      const layerIds = readdirSync(paths.layers).filter((name) => !name.endsWith('.json'));
      const blobs = readdirSync(paths.blobFiles);
      const garbage = garbageOf({ images: [...images.values()], names, used, layerIds, blobs });
      let bytes = 0;
      // All of them before anything else happens: nobody is told of one of which a part has gone.
      for (const digest of garbage.images) images.delete(digest);
      for (const digest of garbage.images) await removeFileDurably(join(paths.images, `${hexOf(digest)}.json`));
      for (const blob of garbage.blobs) {
        bytes += (await stat(join(paths.blobFiles, blob))).size;
        await rm(join(paths.blobFiles, blob), { force: true });
      }
      for (const id of garbage.layerIds) {
        bytes += bytesIn(join(paths.layers, `${id}.json`));
        await removeTree(join(paths.layers, id));
        await rm(join(paths.layers, `${id}.json`), { force: true });
      }
      return { images: garbage.images, bytes };
    },

    /** Removes what was on its way in when a daemon died. Only while nobody else is at the store. */
    sweep(): void {
      for (const path of [paths.incoming, paths.partial])
        for (const name of readdirSync(path)) rmSync(join(path, name), { recursive: true, force: true });
      for (const path of [directory, paths.images, paths.layers]) sweepTemporaries(path);
    },
  };
}

const sortName = ({ names, digest }: StoredImage) => names[0] ?? `~${digest}`;

function readNames(file: string): Record<string, string> {
  if (!existsSync(file)) return {};
  try {
    return namesSchema.parse(JSON.parse(readFileSync(file, 'utf8')));
  } catch (error) {
    throw refused('invalid', `the names of images in ${file} cannot be read: ${messageOf(error)}`, { cause: error });
  }
}

/** The image, or why it cannot be used. */
function readImage(file: string): Image | string {
  try {
    return imageSchema.parse(JSON.parse(readFileSync(file, 'utf8')));
  } catch (error) {
    return `${file} cannot be read: ${messageOf(error)}`;
  }
}

function bytesIn(file: string): number {
  try {
    return layerSchema.parse(JSON.parse(readFileSync(file, 'utf8'))).unpackedBytes;
  } catch {
    return 0;
  }
}
