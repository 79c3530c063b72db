/**
 * What to ask for beside the page that a process waits for: each question costs a way to the source and back, and processes
 * go through memory in order. Pure but for what it remembers. Invariant: it holds a bounded number of pages, and gives each
 * as it came; that is right for as long as the memory is frozen where it comes from, which is always.
 */
import { PAGE_BYTES, type PageRange } from './page-words.js';

/** Asked for at once: on a link of 1 Gbit/s it takes the time of a way of 2 ms. */
const WINDOW_PAGES = 64;
/** 32 MiB. What criu has no use for, it never asks for; the oldest go first. */
const HELD_PAGES_MAX = 8_192;

export function createReadAhead() {
  /** By process and window: which of its pages criu has. */
  const given = new Map<string, Uint8Array>();
  const held = new Map<string, Buffer>();
  const pageOf = (address: number) => address / PAGE_BYTES;
  const windowOf = (pid: number, page: number) => `${pid}:${Math.floor(page / WINDOW_PAGES)}`;

  function isGiven(pid: number, page: number): boolean {
    return given.get(windowOf(pid, page))?.[page % WINDOW_PAGES] === 1;
  }

  return {
    /** The range, and what follows it in its window and is not there yet. */
    widen({ pid, address, pages }: PageRange): PageRange {
      // Whoever asks for more than one page does so in order already.
      if (pages > 1) return { pid, address, pages };
      const first = pageOf(address);
      const room = WINDOW_PAGES - (first % WINDOW_PAGES);
      let count = 1;
      while (count < room && !isGiven(pid, first + count) && !held.has(`${pid}:${first + count}`)) count += 1;
      return { pid, address, pages: count };
    },
    /** Keeps pages that criu will ask for. */
    keep(pid: number, address: number, bytes: Buffer): void {
      for (let at = 0; at < bytes.length; at += PAGE_BYTES) {
        // A copy: a view would hold all that it came with.
        held.set(`${pid}:${pageOf(address + at)}`, Buffer.from(bytes.subarray(at, at + PAGE_BYTES)));
      }
      for (const oldest of held.keys()) {
        if (held.size <= HELD_PAGES_MAX) break;
        held.delete(oldest);
      }
    },
    /** All of the range, and forgets it; undefined when a page of it is not held. */
    take({ pid, address, pages }: PageRange): Buffer | undefined {
      const keys = Array.from({ length: pages }, (_, index) => `${pid}:${pageOf(address) + index}`);
      const found = keys.map((key) => held.get(key));
      if (!found.every((page) => page !== undefined)) return undefined;
      for (const key of keys) held.delete(key);
      return Buffer.concat(found);
    },
    /** criu has the range. */
    gave({ pid, address, pages }: PageRange): void {
      for (let page = pageOf(address); page < pageOf(address) + pages; page += 1) {
        const key = windowOf(pid, page);
        const window = given.get(key) ?? new Uint8Array(WINDOW_PAGES);
        window[page % WINDOW_PAGES] = 1;
        given.set(key, window);
        held.delete(`${pid}:${page}`);
      }
    },
  };
}
