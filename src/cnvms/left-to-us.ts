/**
 * What criu leaves to us of a dump: files in memory, names of open files, timers that would stand still. It lies among the images
 * and travels with them.
 */
import { rearmTimers } from '../tools/criu-images.js';
import type { CnvmRecord } from './cnvm.js';
import type { DiskPaths } from './disk.js';
import { makeLostNames, noteLostNames } from './lost-names.js';
import type { Volatile } from './volatile.js';

export function createLeftToUs(volatile: Volatile, pathsOf: (record: CnvmRecord) => DiskPaths, restoreMs: number) {
  return {
    /** Adds it to the images of a dump that is held. Nothing of the cnvm may run. */
    async add(record: CnvmRecord, imagesDir: string, signal: AbortSignal): Promise<void> {
      rearmTimers(imagesDir);
      const names = noteLostNames(pathsOf(record).upper, imagesDir);
      await Promise.all([names, volatile.pack(record, imagesDir, signal)]);
    },
    /** Does it, before a restore. Its disk must be mounted. */
    async take(record: CnvmRecord, imagesDir: string): Promise<void> {
      await volatile.unpack(record, imagesDir, AbortSignal.timeout(restoreMs));
      await makeLostNames(pathsOf(record).rootfs, imagesDir);
    },
  };
}
