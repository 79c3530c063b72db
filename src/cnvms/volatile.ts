/**
 * The files of a running cnvm that are in memory alone: its /dev/shm, and a machine's /run. They are one file system of the
 * node's, shown inside; it is packed once with the dump, and unpacked before the restore. Each file system of the cnvm's own
 * would be packed by criu with two programs, within the freeze at either end. Invariant: it holds something only while the
 * cnvm runs, or comes.
 */
import { chmod, lchown, mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { enterMemoryOf } from '../tools/cgroup.js';
import { isMounted, mountVolatile, unmount } from '../tools/mount.js';
import { packDisk, unpackDisk } from '../tools/tar.js';
import { uidBase } from './address.js';
import type { CnvmRecord } from './cnvm.js';

/** What a dump is made of, as this program makes and takes it; both ends of a hot migration must be equal. 1 had no archive. */
export const DUMP_FORMAT = 2;
/** Among the images of a dump. */
const ARCHIVE = 'volatile.tar';

export type Volatile = ReturnType<typeof createVolatile>;

export function createVolatile(runDir: string, cgroupOf: (record: CnvmRecord) => string) {
  const directoryOf = (record: CnvmRecord) => join(runDir, 'volatile', record.name);
  const pathsOf = (record: CnvmRecord) => ({
    shm: join(directoryOf(record), 'shm'),
    run: join(directoryOf(record), 'run'),
  });

  async function remove(record: CnvmRecord): Promise<void> {
    await unmount(directoryOf(record));
    await rm(directoryOf(record), { recursive: true, force: true });
  }

  async function mountEmpty(record: CnvmRecord): Promise<void> {
    const { shm, run } = pathsOf(record);
    const owner = uidBase(record.address);
    await remove(record);
    await mkdir(directoryOf(record), { recursive: true, mode: 0o755 });
    await mountVolatile(directoryOf(record), owner);
    await makeDirectory(shm, owner, 0o1777);
    await makeDirectory(run, owner, 0o755);
  }

  return {
    /** What is shown inside. */
    pathsOf,
    /** Afterwards it is there, and empty. */
    mountEmpty,
    /** Afterwards it is there, and empty when it was not. */
    async ensure(record: CnvmRecord): Promise<void> {
      if (!isMounted(directoryOf(record))) await mountEmpty(record);
    },
    /** Afterwards nothing of it is there. Harmless when nothing is. */
    remove,
    /** Packs it among the images of a dump. Nothing of the cnvm may run meanwhile. */
    pack: (record: CnvmRecord, imagesDir: string, signal: AbortSignal): Promise<void> =>
      packDisk(directoryOf(record), join(imagesDir, ARCHIVE), signal),
    /** Fills the empty one from among the images; it is the cnvm's memory that it takes. */
    async unpack(record: CnvmRecord, imagesDir: string, signal: AbortSignal): Promise<void> {
      await unpackDisk(join(imagesDir, ARCHIVE), directoryOf(record), signal, enterMemoryOf(cgroupOf(record)));
    },
    /** Why one that runs cannot be dumped, a sentence, or nothing. */
    obstacle: (record: CnvmRecord): string[] =>
      isMounted(directoryOf(record))
        ? []
        : ['it was started by an older cnvmd, and this one dumps in another way: stop and start it, or move it cold'],
  };
}

async function makeDirectory(path: string, owner: number, mode: number): Promise<void> {
  await mkdir(path);
  await lchown(path, owner, owner);
  // Whatever the mask of this process takes away.
  await chmod(path, mode);
}
