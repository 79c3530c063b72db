/**
 * The source's end of post-copy: gives the target the pages that it asks for, from the memory of the frozen cnvm. Invariant:
 * it keeps nothing between two requests, so a target that has lost its stream, or whose words were lost with it, asks again
 * on another one and gets the same.
 */
import type { Duplex } from 'node:stream';
import type { FrozenMemory } from '../cnvms/machine.js';
import { readBytes, writeBytes } from './byte-reader.js';
import { headerBytes, type Layout, PAGE_BYTES, parseWord, rangeHeader } from './page-words.js';

/** Read and sent at once: what a stream holds of an answer. */
const PIECE_BYTES = 1024 * 1024;

/** Serves one stream until its other end has all it wants. @throws when it breaks, or the memory cannot be read. */
export async function servePages(
  stream: Duplex,
  memory: FrozenMemory,
  layout: Layout,
  onBytes: (count: number) => void,
): Promise<void> {
  const reader = readBytes(stream);
  try {
    for (;;) {
      const header = await reader.take(headerBytes(layout));
      const word = header === undefined ? undefined : parseWord(header, layout);
      if (word?.kind !== 'get') break;
      // Before the answer begins: one that has begun can only be ended or broken off.
      const wanted = word.pages * PAGE_BYTES;
      let next = memory.read(word.pid, word.address, Math.min(PIECE_BYTES, wanted));
      const first = (await next).length;
      // Who asks for more than it needs may have asked beyond the end of what there is.
      const all = first < PIECE_BYTES ? first : wanted;
      await writeBytes(stream, rangeHeader('add', { ...word, pages: all / PAGE_BYTES }, layout));
      for (let at = 0; at < all; ) {
        const piece = await next;
        at += piece.length;
        const left = all - at;
        // One piece is read while the other goes out.
        if (left > 0) next = memory.read(word.pid, word.address + at, Math.min(PIECE_BYTES, left));
        next.catch(() => undefined);
        await writeBytes(stream, piece);
        onBytes(piece.length);
      }
    }
    stream.end();
  } catch (error) {
    stream.destroy();
    throw error;
  }
}
