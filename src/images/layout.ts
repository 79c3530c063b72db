/**
 * Where a store of images keeps what, pure. Invariant: what lies under a digest is whole and never changed; it is put there
 * by one rename.
 *
 *     names.json        names, each with the digest of its image
 *     images/HEX.json   one image: what it is made of and what it runs
 *     blobs/sha256/HEX  manifests, configs and layers, as they travel
 *     layers/ID         a layer, unpacked; ID is the beginning of its content's digest
 *     layers/ID.json    its whole digest, and its bytes
 *     incoming/ID       what is being brought in; without a meaning for anybody else
 *     partial/HEX       blobs of which a part has come from a peer
 */
import { refused } from '../base/errors.js';

/**
 * Of a layer's digest, in its directory's name: 128 bits. All layers of an image stand in one mount's options, of which the
 * kernel takes a page.
 */
const ID_DIGITS = 32;
/** So many fit in that page, beside the paths of the writable layer; images of registries have at most 127. */
export const LAYERS_MAX = 80;

const DIGEST = /^sha256:([0-9a-f]{64})$/;

export function isDigest(text: string): boolean {
  return DIGEST.test(text);
}

/** @throws `refused` when it is none: digests become names of files. */
export function hexOf(digest: string): string {
  const hex = DIGEST.exec(digest)?.[1];
  if (hex === undefined) throw refused('invalid', `"${digest}" is no digest: sha256 and 64 digits`);
  return hex;
}

export function layerId(diffId: string): string {
  return hexOf(diffId).slice(0, ID_DIGITS);
}

export interface StorePaths {
  readonly names: string;
  readonly images: string;
  /** Also as skopeo wants it: it adds "sha256" itself. */
  readonly blobs: string;
  readonly blobFiles: string;
  readonly layers: string;
  readonly incoming: string;
  readonly partial: string;
}

export function storePaths(directory: string): StorePaths {
  return {
    names: `${directory}/names.json`,
    images: `${directory}/images`,
    blobs: `${directory}/blobs`,
    blobFiles: `${directory}/blobs/sha256`,
    layers: `${directory}/layers`,
    incoming: `${directory}/incoming`,
    partial: `${directory}/partial`,
  };
}
