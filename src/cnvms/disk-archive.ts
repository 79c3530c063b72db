/**
 * A cnvm's disk as one file. Invariant: owners in it are those that the cnvm itself sees, so that it fits whatever address it
 * gets; a disk that is read stands still, and one that is filled is nobody's yet.
 */
import { constants } from 'node:fs';
import { lchown, mkdir, open, rm, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { hasErrno, refused } from '../base/errors.js';
import { bindOwn, unmount } from '../tools/mount.js';
import { criuWorkDir } from '../tools/orphans.js';
import { packDisk, unpackDisk } from '../tools/tar.js';
import { UID_COUNT, uidBase } from './address.js';
import type { CnvmRecord } from './cnvm.js';
import { type DiskPaths, identityFiles } from './disk.js';
import type { Machine } from './machine.js';
import type { NetworkPort } from './network-port.js';

type DiskArchives = Pick<Machine, 'packDisk' | 'unpackDisk' | 'rename'>;

export function diskArchives(
  runDir: string,
  pathsOf: (record: CnvmRecord) => DiskPaths,
  network: Pick<NetworkPort, 'resolvConf'>,
): DiskArchives {
  /** Shows the disk with the cnvm's own numbers while `act` works on it. */
  async function shown(record: CnvmRecord, act: (directory: string) => Promise<void>): Promise<void> {
    // Among what is cleared with all else of it, should we die.
    const place = join(criuWorkDir(runDir, record.name), 'disk');
    await unmount(place);
    await mkdir(place, { recursive: true, mode: 0o700 });
    try {
      await bindOwn(pathsOf(record).upper, place, uidBase(record.address), UID_COUNT);
      await act(place);
    } finally {
      await unmount(place);
      await rmdir(place);
    }
  }

  return {
    packDisk: (record, archive, signal) => shown(record, (directory) => packDisk(directory, archive, signal)),
    unpackDisk: (record, archive, signal) => shown(record, (directory) => unpackDisk(archive, directory, signal)),
    async rename(record) {
      const owner = uidBase(record.address);
      const etc = await openDirectory(pathsOf(record).upper, owner);
      try {
        // By the directory that is open: what lies at its path is the cnvm's to shape.
        const inside = `/proc/self/fd/${etc.fd}`;
        for (const [name, text] of Object.entries(identityFiles(record, await network.resolvConf())))
          await replace(join(inside, name), text, owner);
      } finally {
        await etc.close();
      }
    },
  };
}

async function openDirectory(upper: string, owner: number) {
  const etc = join(upper, 'etc');
  try {
    await mkdir(etc, { mode: 0o755 });
    await lchown(etc, owner, owner);
  } catch (error) {
    if (!hasErrno(error, 'EEXIST')) throw error;
  }
  return await open(etc, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW).catch((error: unknown) => {
    throw refused('invalid', 'it has no directory /etc of its own to write its name into', { cause: error });
  });
}

async function replace(path: string, text: string, owner: number): Promise<void> {
  await rm(path, { force: true });
  const file = await open(
    path,
    constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW,
    0o644,
  );
  try {
    await file.writeFile(text);
    await file.chown(owner, owner);
  } finally {
    await file.close();
  }
}
