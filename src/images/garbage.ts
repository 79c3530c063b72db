/**
 * What of a store nobody needs, pure. Invariant: nothing is named here that an image with a name, or one that something is
 * made from or about to be, needs.
 */
import type { Image } from './image.js';
import { hexOf, layerId } from './layout.js';

export interface Contents {
  readonly images: readonly Image[];
  /** Name to digest. */
  readonly names: ReadonlyMap<string, string>;
  /** Digests of images that a cnvm, or a migration in flight, is of. */
  readonly used: ReadonlySet<string>;
  /** Names of the layers' directories. */
  readonly layerIds: readonly string[];
  /** Names of the blobs' files. */
  readonly blobs: readonly string[];
}

export interface Garbage {
  /** Digests. */
  readonly images: readonly string[];
  readonly layerIds: readonly string[];
  readonly blobs: readonly string[];
}

/** What may go, with the images that have no name and no use. */
export function garbageOf({ images, names, used, layerIds, blobs }: Contents): Garbage {
  const named = new Set(names.values());
  const kept = images.filter(({ digest }) => named.has(digest) || used.has(digest));
  const keptDigests = new Set(kept.map(({ digest }) => digest));
  const keptLayers = new Set(kept.flatMap(({ layers }) => layers.map(({ diffId }) => layerId(diffId))));
  const keptBlobs = new Set(
    kept.flatMap(({ digest, configDigest, layers }) =>
      [digest, configDigest, ...layers.map((layer) => layer.digest)].map(hexOf),
    ),
  );
  return {
    images: images.map(({ digest }) => digest).filter((digest) => !keptDigests.has(digest)),
    layerIds: layerIds.filter((id) => !keptLayers.has(id)),
    blobs: blobs.filter((blob) => !keptBlobs.has(blob)),
  };
}
