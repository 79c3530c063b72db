/**
 * The bulk port on a fake host: the disk's and the memory's values over the streams that it is given. Invariant: what
 * does not arrive whole does not arrive; what reads and writes a disk is known to the host while it does.
 */
import { once } from 'node:events';
import { mkdirSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { abortable } from '../../src/base/abortable.js';
import type { Bulk } from '../../src/migration/bulk.js';
import { filePages } from './fake-memory.js';
import type { Disk, FakeState, Files } from './fake-state.js';
import { toolFails } from './fake-tool.js';
import { receiveEnd, receiveMessage, sendMessage } from './framing.js';
import type { Plan } from './plan.js';

/** @param runDir holds a directory for each migration's images: those are real files, as they are sent as such. */
export function createFakeBulk(state: FakeState, runDir: string, plan: Plan): Bulk {
  const imagesOf = (migration: string) => join(runDir, 'images', migration);

  function diskAt(upper: string): Disk {
    const disk = state.disks.get(dirname(upper));
    if (disk === undefined) throw toolFails(`rsync: change_dir "${upper}" failed: No such file or directory`);
    return disk;
  }

  return {
    async serveDisk(_, directory, stream, free, onBytes) {
      const end = () => void stream.destroy();
      state.ofDaemon.add(end);
      try {
        if ((await receiveMessage(stream)).toString() !== 'give me the disk') throw toolFails('rsync: protocol error');
        await Promise.race([free, new Promise<void>((resolve) => stream.once('close', resolve))]);
        const content = Buffer.from(JSON.stringify(diskAt(directory).files));
        onBytes(content.length);
        sendMessage(stream, content);
        await receiveEnd(stream);
        stream.end();
      } finally {
        state.ofDaemon.delete(end);
        stream.destroy();
      }
    },

    async pullDisk(_, directory, connect, signal, only) {
      const disk = diskAt(directory);
      if (disk.mounted) throw new Error(`${directory} is written from outside while it is mounted`);
      const stream = connect();
      const end = () => void stream.destroy();
      const broken = once(stream, 'close').then(() => {
        throw stream.errored ?? new Error('the stream of the disk broke');
      });
      broken.catch(() => undefined);
      state.ofDaemon.add(end);
      signal.addEventListener('abort', end);
      disk.writers += 1;
      try {
        signal.throwIfAborted();
        const told = only && (await Promise.race([abortable(only, signal), broken]));
        const paths = told && (JSON.parse(Buffer.from(told).toString()) as string[]);
        sendMessage(stream, Buffer.from('give me the disk'));
        const theirs = JSON.parse((await receiveMessage(stream)).toString()) as Files;
        disk.files = paths === undefined ? theirs : withPaths(disk.files, theirs, paths);
        stream.end();
        await receiveEnd(stream);
      } finally {
        disk.writers -= 1;
        signal.removeEventListener('abort', end);
        state.ofDaemon.delete(end);
        stream.destroy();
      }
    },

    // It tells what `changes` does here, anyway.
    async watchDisk(migration, directory) {
      diskAt(directory);
      state.watched.add(migration);
    },

    async changes(_, directory) {
      const { files, flushed } = diskAt(directory);
      if (flushed === undefined) throw new Error(`${directory} was never flushed`);
      const paths = new Set([...Object.keys(files), ...Object.keys(flushed)]);
      const changed = [...paths].filter((path) => files[path] !== flushed[path]);
      return Buffer.from(changed.length === 0 ? '' : JSON.stringify(changed));
    },

    // Its disk is no other than its memory.
    async flush(directory) {
      diskAt(directory);
    },

    // What is pulled is never compared, so nothing can be missed; it is only asked of a disk that is there.
    async distrust(directory, flushedMs) {
      diskAt(directory).suspectAfterMs = flushedMs;
    },

    async openImages(migration) {
      mkdirSync(join(runDir, 'images'), { recursive: true });
      mkdirSync(imagesOf(migration));
      state.images.set(migration, imagesOf(migration));
      return imagesOf(migration);
    },

    async closeImages(migration) {
      state.images.delete(migration);
      rmSync(imagesOf(migration), { recursive: true, force: true });
    },

    async openRound(migration, round) {
      mkdirSync(join(imagesOf(migration), String(round)));
      return join(imagesOf(migration), String(round));
    },

    async closeRound(migration, round) {
      rmSync(join(imagesOf(migration), String(round)), { recursive: true, force: true });
    },

    takePages(imagesDir, stream, onBytes, parentDir) {
      const end = () => void stream.destroy();
      state.ofDaemon.add(end);
      async function take(): Promise<void> {
        await plan.reach('bulk.takePages', 'before');
        const pages = await receiveMessage(stream);
        onBytes(pages.length);
        filePages(imagesDir, pages, parentDir);
        await plan.reach('bulk.takePages', 'after');
        sendMessage(stream, Buffer.from('filed'));
        stream.end();
        await receiveEnd(stream);
      }
      const complete = take().finally(() => {
        state.ofDaemon.delete(end);
      });
      complete.catch(end);
      return { complete, close: end };
    },

    async sweep(migration) {
      state.watched.delete(migration);
      await this.closeImages(migration);
    },
  };
}

/** Ours, but for these paths, which are as theirs are, or are gone. */
function withPaths(ours: Files, theirs: Files, paths: readonly string[]): Files {
  const kept = Object.entries(ours).filter(([path]) => !paths.includes(path));
  const come = Object.entries(theirs).filter(([path]) => paths.includes(path));
  return Object.fromEntries([...kept, ...come]);
}
