/**
 * What this room needs of host programs: to look at an image elsewhere, to fetch it, to make one of a root, to unpack a layer.
 * Invariant: each call leaves nothing but what it is asked for, in the directory that it is given.
 */
import type { Layer } from './image.js';

/** An image as it is elsewhere. */
export interface Looked {
  /** The text of its config. */
  readonly config: string;
  /** What would come, by digest. */
  readonly blobs: readonly { readonly digest: string; readonly bytes: number }[];
}

export interface Made {
  readonly entrypoint: readonly string[];
  readonly system: boolean;
}

export interface ImageTools {
  /** @throws `refused` when there is no such image for this architecture, or who keeps it cannot be asked. */
  look(reference: string, insecure: boolean, signal: AbortSignal): Promise<Looked>;
  /**
   * Afterwards `layout` is an OCI layout whose index names the image alone, and all of its blobs are in `blobs`, each what
   * its digest says. Blobs that are there already are not fetched again.
   */
  fetch(reference: string, insecure: boolean, layout: string, blobs: string, signal: AbortSignal): Promise<void>;
  /** Bytes that a root directory or a tarball of one takes. @throws `refused` when there is none. */
  rootBytes(path: string): Promise<number>;
  /** Makes an OCI layout with one image in `layout`, of a root directory or a tarball. @returns what names it. */
  make(path: string, layout: string, made: Made, signal: AbortSignal): Promise<string>;
  /**
   * Unpacks a layer into the empty directory `target`, in the form in which the kernel stacks it.
   * @throws `refused` when the blob, or what is in it, is not what its digest says.
   */
  unpack(
    blob: string,
    layer: Layer,
    target: string,
    onBytes: (count: number) => void,
    signal: AbortSignal,
  ): Promise<void>;
  /** Bytes that a directory takes. */
  bytesOf(directory: string): Promise<number>;
  /** Afterwards all of the file system that holds it is on disk. */
  flush(directory: string): Promise<void>;
  /** Bytes that are free where it lies. */
  available(directory: string): Promise<number>;
}
