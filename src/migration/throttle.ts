/**
 * Keeps all that leaves for one migration to a rate. Invariant: it holds back, and keeps nothing: who writes is made to
 * wait, and so the program that it reads from.
 */
import { performance } from 'node:perf_hooks';
import { Duplex } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { fullBucket, sliceBytes, take } from './token-bucket.js';

export interface Throttle {
  /** Gives `data` in slices, each when it may go. */
  slices(data: Uint8Array): AsyncGenerator<Uint8Array>;
}

export function createThrottle(bytesPerSecond: number): Throttle {
  let bucket = fullBucket(bytesPerSecond, performance.now());
  const size = sliceBytes(bytesPerSecond);
  return {
    async *slices(data) {
      for (let at = 0; at === 0 || at < data.length; at += size) {
        const slice = data.subarray(at, at + size);
        const taken = take(bucket, slice.length, performance.now());
        ({ bucket } = taken);
        if (taken.waitMs >= 1) await sleep(taken.waitMs, undefined, { ref: false });
        yield slice;
      }
    },
  };
}

/**
 * The same stream, written to at the throttle's rate. It ends and breaks with the other. @param moves told whenever
 * something goes.
 */
export function throttled(stream: Duplex, throttle: Throttle, moves: () => void): Duplex {
  async function send(chunk: Uint8Array): Promise<void> {
    for await (const slice of throttle.slices(chunk)) {
      moves();
      if (stream.write(slice) || stream.destroyed) continue;
      await new Promise<void>((resolve) => {
        stream.once('drain', resolve).once('close', resolve);
      });
    }
  }
  const outer = new Duplex({
    // One piece at a time: what waits, waits where it comes from.
    highWaterMark: 1,
    read: () => void stream.resume(),
    write: (chunk: Uint8Array, _, done) => void send(chunk).then(() => done(), done),
    final: (done) => {
      stream.end(done);
    },
    destroy: (error, done) => {
      stream.destroy(error ?? undefined);
      done(error);
    },
  });
  outer.on('error', () => undefined);
  stream.on('data', (chunk: Uint8Array) => {
    if (!outer.push(chunk)) stream.pause();
  });
  stream.on('end', () => outer.push(null));
  stream.on('error', (error) => outer.destroy(error));
  stream.on('close', () => outer.destroy());
  return outer;
}
