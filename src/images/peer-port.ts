/** What nodes ask of each other about images, whatever carries it. Invariant: who asked checks what comes. */
import type { LayerSize, Progress } from './image.js';

/** An image that a peer is to have. */
export interface TakeOrder {
  readonly digest: string;
  /** What it is to be called there, if nothing else is. Empty: nothing. */
  readonly name: string;
  readonly layers: readonly LayerSize[];
}

/** A peer, as this node asks it. */
export interface ImagePeer {
  readonly name: string;
  /** Which of these blobs it has. */
  have(digests: readonly string[], signal: AbortSignal): Promise<readonly string[]>;
  /** The bytes of a blob from an offset on. @throws when it has none, or the link breaks. */
  pull(digest: string, offset: number, signal: AbortSignal): AsyncIterable<Uint8Array>;
  /** Has it bring an image; ends when it has it. */
  take(order: TakeOrder, signal: AbortSignal): AsyncIterable<Progress>;
}

/** What this node serves to its peers. */
export interface ImageServing {
  have(digests: readonly string[]): readonly string[];
  /** @throws `refused` when it is not here. */
  pull(digest: string, offset: number, signal: AbortSignal): AsyncIterable<Uint8Array>;
  /** @param from the peer that asks, which has it. Who leaves early does not end it. */
  take(order: TakeOrder, from: string): AsyncIterable<Progress>;
}
