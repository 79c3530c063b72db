/**
 * The port through which a migration moves disk and memory between programs and streams. `createBulk` is the real one:
 * rsync and criu's page server. Invariant: nothing it starts outlives the call or the `close` that ends it.
 */
import { existsSync, readdirSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { abortable } from '../base/abortable.js';
import { startPageServer } from '../tools/criu.js';
import { findBelow, findChanged, forgetTimes } from '../tools/find.js';
import { mountMemory, unmount } from '../tools/mount.js';
import { isPartly, pullDirectory, serveDirectory } from '../tools/rsync.js';
import { syncFileSystem } from '../tools/sync.js';
import { carry } from './carry.js';
import { maybeMoved, pathsToPull } from './changed-paths.js';
import { forgetTimesOf } from './compare-content.js';
import { type DiskWatch, endWatch, watchDisk } from './disk-watch.js';

/** A file's time may lag behind the clock by the kernel's tick, 10 ms at the most. */
const CLOCK_TICK_MS = 50;
/** A message to a peer holds 8 MiB. What takes longer to tell takes long to look at, too. */
const CHANGES_BYTES_MAX = 4 * 1024 * 1024;

/** Takes pages from a stream into files. */
export interface PageSink {
  /** Resolves when every page is in its file, and was as it left the source. */
  readonly complete: Promise<void>;
  close(): void;
}

export interface Bulk {
  /** Source: serves the writable layer on the stream, from `free` on, until its other end has all it wants. */
  serveDisk(
    migration: string,
    directory: string,
    stream: Duplex,
    free: Promise<void>,
    onBytes: (count: number) => void,
  ): Promise<void>;
  /**
   * Target: makes `directory` equal to what the stream from `connect` serves.
   * @param only what `changes` has told of the other end: nothing else is looked at. It may come later.
   */
  pullDisk(
    migration: string,
    directory: string,
    connect: () => Duplex,
    signal: AbortSignal,
    only?: Promise<Uint8Array>,
  ): Promise<void>;
  /**
   * Source: from now on it is noted what changes in `directory`, so that `changes` need not look at all of it; `sweep` ends
   * that. @throws when it cannot be noted here: then `changes` looks at all of it.
   */
  watchDisk(migration: string, directory: string, flushedMs: number, signal: AbortSignal): Promise<void>;
  /**
   * Source: what was changed in `directory` since a flush of it, for `pullDisk`; undefined when that cannot be told, or is
   * too much to tell. Nothing may change meanwhile, and no clock may have been set since.
   * @param missed told why a watch that there was is of no use.
   */
  changes(
    migration: string,
    directory: string,
    flushedMs: number,
    missed: (error: unknown) => void,
  ): Promise<Uint8Array | undefined>;
  /** Target: afterwards what has been pulled into `directory` is on its disk, and not only in memory. */
  flush(directory: string): Promise<void>;
  /**
   * Target: the next `pullDisk` compares by their content all files that were changed after `flushedMs`. A process that
   * writes to a mapped file changes its time with the first write only, and that may have been copied already.
   */
  distrust(directory: string, flushedMs: number): Promise<void>;
  /** A directory in memory for a dump's images, of at most `bytes`. */
  openImages(migration: string, bytes: number): Promise<string>;
  closeImages(migration: string): Promise<void>;
  /** A directory within that of `openImages` for one round. @throws when there is one. */
  openRound(migration: string, round: number): Promise<string>;
  /** Removes it. Harmless when there is none. */
  closeRound(migration: string, round: number): Promise<void>;
  /**
   * Target: files the pages that come on the stream.
   * @param parentDir of the round that they build on. What is older than what comes is removed from it, so it is of no use
   * any more when not all has come.
   */
  takePages(imagesDir: string, stream: Duplex, onBytes: (count: number) => void, parentDir?: string): PageSink;
  /** Removes what is left of a migration's scratch files. Harmless when nothing is. */
  sweep(migration: string): Promise<void>;
}

/** Earlier than what `distrust` takes at the target, which has given those another time. */
const sinceOf = (flushedMs: number) => flushedMs - 2 * CLOCK_TICK_MS;

const scratchIn = (runDir: string) => join(runDir, 'migrations');
const imagesIn = (scratch: string) => join(scratch, 'images');

/** Where migrations, also those of an earlier daemon, have their images. */
export function imageDirectories(runDir: string): string[] {
  const all = scratchIn(runDir);
  return existsSync(all) ? readdirSync(all).map((migration) => imagesIn(join(all, migration))) : [];
}

/** @param runDir on a tmpfs; holds a directory per migration. */
export function createBulk(runDir: string): Bulk {
  const scratchOf = (migration: string) => join(scratchIn(runDir), migration);
  const imagesOf = (migration: string) => imagesIn(scratchOf(migration));

  const watches = new Map<string, DiskWatch>();
  const roundOf = (migration: string, round: number) => join(imagesOf(migration), String(round));

  async function makeScratch(migration: string): Promise<string> {
    await mkdir(scratchOf(migration), { recursive: true, mode: 0o700 });
    return scratchOf(migration);
  }

  return {
    async serveDisk(migration, directory, stream, free, onBytes) {
      const scratch = await makeScratch(migration);
      const server = await serveDirectory(directory, join(scratch, 'rsyncd.conf'));
      server.stdout.on('data', (chunk: Uint8Array) => onBytes(chunk.length));
      try {
        // It looks at the disk when it is asked for it. Its exit code says whether all went well; that it stops listening
        // before the other end stops talking does not, and must not break the stream before the exit code is known.
        server.stdin.on('error', () => undefined);
        void free.then(() => stream.pipe(server.stdin));
        await Promise.all([pipeline(server.stdout, stream), server.ended]);
      } finally {
        server.kill('SIGTERM');
        stream.destroy();
      }
    },

    async pullDisk(migration, directory, connect, signal, only) {
      const socket = join(await makeScratch(migration), 'disk.sock');
      await rm(socket, { force: true });
      const carried: Promise<void>[] = [];
      const streams: Duplex[] = [];
      const server = createServer((client) => {
        const stream = connect();
        streams.push(stream);
        pipeline(client, stream).catch(() => client.destroy());
        const whole = carry(stream, client);
        // It is waited for when rsync has ended.
        whole.catch(() => undefined);
        carried.push(whole);
      });
      await new Promise<void>((resolve, reject) => {
        server.once('error', reject);
        server.listen(socket, resolve);
      });
      try {
        const paths = only?.then(async (told) => {
          await forgetTimesOf(directory, told);
          return told;
        });
        paths?.catch(() => undefined);
        const once = () =>
          pullDirectory(socket, directory, signal, paths).catch((error: unknown) => {
            // A stream that broke is what broke rsync.
            signal.throwIfAborted();
            throw streams.find(({ errored }) => errored !== null)?.errored ?? error;
          });
        await once().catch((error: unknown) => {
          if (!isPartly(error)) throw error;
          return once();
        });
        // It may have all that it wants before the last word has come about what it got.
        await abortable(Promise.all(carried), signal);
      } finally {
        server.close();
        for (const stream of streams) stream.destroy();
      }
    },

    async watchDisk(migration, directory, flushedMs, signal) {
      const scratch = await makeScratch(migration);
      watches.set(migration, await watchDisk(scratch, directory, sinceOf(flushedMs), signal));
    },

    async changes(migration, directory, flushedMs, missed) {
      const watched = await watches
        .get(migration)
        ?.changed()
        .catch((error: unknown) => void missed(error));
      const changed = watched ?? (await findChanged(directory, sinceOf(flushedMs)));
      const below = await findBelow(directory, maybeMoved(changed));
      const paths = pathsToPull(changed, below);
      return paths === undefined || paths.length > CHANGES_BYTES_MAX ? undefined : Buffer.from(paths, 'latin1');
    },

    flush: (directory) => syncFileSystem(directory),

    distrust: (directory, flushedMs) => forgetTimes(directory, flushedMs - CLOCK_TICK_MS),

    async openImages(migration, bytes) {
      await makeScratch(migration);
      await mkdir(imagesOf(migration), { mode: 0o700 });
      await mountMemory(imagesOf(migration), bytes);
      return imagesOf(migration);
    },

    async closeImages(migration) {
      await unmount(imagesOf(migration));
    },

    async openRound(migration, round) {
      const directory = roundOf(migration, round);
      await mkdir(directory, { mode: 0o700 });
      return directory;
    },

    async closeRound(migration, round) {
      await rm(roundOf(migration, round), { recursive: true, force: true });
    },

    takePages(imagesDir, stream, onBytes, parentDir) {
      const server = startPageServer(imagesDir, parentDir);
      stream.on('data', (chunk: Uint8Array) => onBytes(chunk.length));
      const whole = carry(stream, server.socket);
      const answered = pipeline(server.socket, stream);
      const complete = Promise.all([server.ended, whole]).then(() => undefined);
      for (const later of [answered, complete]) later.catch(() => undefined);
      return {
        complete,
        close() {
          stream.destroy();
          server.socket.destroy();
          server.kill('SIGTERM');
        },
      };
    },

    async sweep(migration) {
      await watches.get(migration)?.close();
      watches.delete(migration);
      await unmount(imagesOf(migration));
      await endWatch(scratchOf(migration));
      await rm(scratchOf(migration), { recursive: true, force: true });
    },
  };
}
