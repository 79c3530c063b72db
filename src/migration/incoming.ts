/**
 * The disk and the small images, as the target takes them. Invariant: what a restore begins with is known to be whole before
 * anything begins with it; what comes has ended before that which it writes to is taken away.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { refused } from '../base/errors.js';
import { besideGate } from '../tools/restore-gate.js';
import { EARLY_IMAGE, writeImages } from './images.js';
import type { Changed, Channel, ImageChunk } from './peer-port.js';
import type { TargetRun } from './receive.js';

export interface ComingImages {
  /** The bytes that came, when all have. Its failure is told to who waits for it. */
  readonly files: Promise<number>;
  /** Whether a restore can begin, and wait for the rest. */
  canBegin(): boolean;
}

export const NO_IMAGES: ComingImages = { files: Promise.resolve(0), canBegin: () => false };

/** @param lazily in a post-copy: memory that others see, too, is in the images, and no restore begins early. */
export function takeImages(chunks: AsyncIterable<ImageChunk>, imagesDir: string, lazily: boolean): ComingImages {
  let early = false;
  const options = lazily
    ? { withPages: true }
    : {
        nameOf: besideGate,
        onWhole: (file: string) => {
          early ||= file === EARLY_IMAGE;
        },
      };
  const files = writeImages(chunks, imagesDir, options);
  files.catch(() => undefined);
  return { files, canBegin: () => early };
}

/**
 * Afterwards the disk is as the source's was meanwhile. @returns the bytes that came.
 * @param only what may differ: its programs start at once, and wait for it. Without it, anything may.
 */
export async function pullDisk(run: TargetRun, signal: AbortSignal, only?: Promise<Uint8Array>): Promise<number> {
  const { ports, report, source, record } = run;
  const { id } = report.migration;
  let bytes = 0;
  const connect = () => {
    const stream = source.link.tunnel(id, 'disk' satisfies Channel, 0);
    stream.on('data', (chunk: Uint8Array) => {
      bytes += chunk.length;
      report.bytes(chunk.length);
    });
    return stream;
  };
  await ports.bulk.pullDisk(id, ports.machine.diskDirectory(record), connect, signal, only);
  return bytes;
}

/** Of what has come lately a disk holds so much at the most in memory. */
const FLUSH_EVERY_MS = 5_000;
/** Less is written out in no time, whenever that is. */
const FLUSH_BYTES_MIN = 64 * 1024 * 1024;

/**
 * As `pullDisk` of everything. What has come is written out meanwhile, and the rest of it at the end: else the machine does
 * that in the freeze, and all that is to be quick then waits for the disk.
 */
export async function pullSeed(run: TargetRun): Promise<number> {
  const flush = () => run.ports.bulk.flush(run.ports.machine.diskDirectory(run.record));
  const over = new AbortController();
  const flushing = (async () => {
    for (;;) {
      await sleep(FLUSH_EVERY_MS, undefined, { signal: over.signal });
      await flush();
    }
  })().catch((error: unknown) => {
    if (!over.signal.aborted) throw error;
  });
  flushing.catch(() => undefined);
  let bytes: number;
  try {
    bytes = await pullDisk(run, run.signal);
  } finally {
    over.abort();
  }
  await flushing;
  if (bytes >= FLUSH_BYTES_MIN) await flush();
  return bytes;
}

export interface LastPass {
  /** As of `pullDisk`. */
  readonly disk: Promise<number>;
  /** What has changed: it may wait for that. */
  readonly tellChanged: (changed: Changed) => void;
}

/** Begins at once. @param changes whether it is told what has changed. */
export function lastPass(run: TargetRun, signal: AbortSignal, changes: boolean): LastPass {
  if (!changes) return { disk: pullDisk(run, signal), tellChanged: () => undefined };
  let tellChanged: LastPass['tellChanged'] = () => undefined;
  const changed = new Promise<Changed>((resolve) => {
    tellChanged = resolve;
  });
  return { disk: pullChanges(run, signal, changed), tellChanged };
}

/** As `pullDisk` does of what has changed; when that cannot be told, of everything. Where nothing has, what waits is sent off. */
async function pullChanges(run: TargetRun, signal: AbortSignal, changed: Promise<Changed>): Promise<number> {
  const sentOff = new AbortController();
  const only = changed.then((paths) => {
    if (paths !== undefined && paths.length > 0) return paths;
    sentOff.abort(refused('state', paths === undefined ? 'what has changed cannot be told' : 'nothing has changed'));
    throw sentOff.signal.reason;
  });
  only.catch(() => undefined);
  try {
    return await pullDisk(run, AbortSignal.any([signal, sentOff.signal]), only);
  } catch (error) {
    signal.throwIfAborted();
    if (!sentOff.signal.aborted) throw error;
    return (await changed) === undefined ? await pullDisk(run, signal) : 0;
  }
}

/** What comes must have ended before that which it writes to is taken away. */
export async function ended(over: AbortController, ...coming: readonly Promise<unknown>[]): Promise<void> {
  over.abort(refused('cancelled', 'the rest did not come'));
  await Promise.allSettled(coming);
}
