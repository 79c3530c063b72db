/**
 * What one reader has not read yet. Invariant: it holds at most so many things, and to put one in never waits; what did not fit
 * is counted, and the reader is told before anything else.
 */
import { abortable } from '../base/abortable.js';

export interface Outlet<T> {
  /** @param key of which only the latest matters: what waits under it is replaced. */
  put(item: T, key?: string): void;
  /** @returns how many were lost since the last call, or the next one; waits for it. @throws when the signal fires. */
  next(signal: AbortSignal): Promise<{ readonly lost: number } | { readonly item: T }>;
}

export function createOutlet<T>(max: number): Outlet<T> {
  let queue: { item: T; readonly key: string | undefined }[] = [];
  let lost = 0;
  let wake: () => void = () => undefined;

  function put(item: T, key?: string): void {
    if (lost > 0) {
      lost += 1;
    } else {
      const waiting = key === undefined ? undefined : queue.find((one) => one.key === key);
      if (waiting !== undefined) waiting.item = item;
      else queue.push({ item, key });
      if (queue.length > max) {
        lost = queue.length;
        queue = [];
      }
    }
    wake();
  }

  return {
    put,
    async next(signal) {
      for (;;) {
        signal.throwIfAborted();
        if (lost > 0) {
          const count = lost;
          lost = 0;
          return { lost: count };
        }
        const first = queue.shift();
        if (first !== undefined) return { item: first.item };
        await abortable(
          new Promise<void>((resolve) => {
            wake = resolve;
          }),
          signal,
        );
      }
    },
  };
}
