/** How far something is, for everybody who asks while it goes on. Invariant: each reader is told its end, and only the latest before. */
import type { Progress } from './image.js';

/** Often enough for a display that moves. */
const EVERY_MS = 200;

export function createProgressFeed() {
  let latest: Progress = { step: 'begin', bytesDone: 0, bytesTotal: 0 };
  let over = false;
  let failure: unknown;
  const waiting = new Set<() => void>();
  const wake = () => {
    for (const one of waiting) one();
    waiting.clear();
  };
  const next = () =>
    new Promise<void>((resolve) => {
      waiting.add(resolve);
      const timer = setTimeout(resolve, EVERY_MS);
      timer.unref();
      waiting.add(() => clearTimeout(timer));
    });

  return {
    report(progress: Progress): void {
      latest = progress;
    },
    end(): void {
      over = true;
      wake();
    },
    fail(error: unknown): void {
      failure = error;
      over = true;
      wake();
    },
    async *read(): AsyncGenerator<Progress> {
      let told: Progress | undefined;
      while (!over) {
        if (latest !== told) yield latest;
        told = latest;
        await next();
      }
      if (failure !== undefined) throw failure;
      yield latest;
    },
  };
}
