/**
 * A cnvm's disk: its image's layers, shown with the cnvm's own uids, below a writable layer that alone belongs to it and moves.
 * Invariant: the writable layer is never touched while the root is mounted, but by the cnvm.
 */
import { lstatSync } from 'node:fs';
import { chown, lchown, mkdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type CnvmError, hasErrno, refused } from '../base/errors.js';
import { diskUsage } from '../tools/du.js';
import { bindShifted, isMounted, mountOverlay, unmount } from '../tools/mount.js';
import { closedOnTheWay } from '../tools/passable.js';
import { UID_COUNT, uidBase } from './address.js';
import type { CnvmRecord } from './cnvm.js';

/** Where a cnvm's disk is on this node. */
export interface DiskPaths {
  /** The cnvm's own directory in its landing zone. */
  readonly directory: string;
  /** The writable layer; owned by the cnvm's root. */
  readonly upper: string;
  readonly work: string;
  /** Where the whole is mounted. */
  readonly rootfs: string;
  /** Where the layers of all images are shown with the cnvm's uids. */
  readonly lower: string;
}

/** What is below a cnvm's own layer. */
export interface LowerLayers {
  /** The directory that holds them. */
  readonly directory: string;
  /** Names within it, the uppermost first. */
  readonly names: readonly string[];
}

export function diskPaths(record: Pick<CnvmRecord, 'name' | 'landing'>, runDir: string): DiskPaths {
  const directory = join(record.landing, record.name);
  return {
    directory,
    upper: join(directory, 'upper'),
    work: join(directory, 'work'),
    rootfs: join(directory, 'rootfs'),
    lower: join(runDir, 'lower', record.name),
  };
}

/** @throws `refused` when the directory exists: it may be somebody's data; and when the cnvm's root could not get to it. */
export function demandRoomFor({ directory }: DiskPaths): void {
  if (lstatSync(directory, { throwIfNoEntry: false }) !== undefined) throw inTheWay(directory);
  const closed = closedOnTheWay(dirname(directory));
  if (closed === undefined) return;
  throw refused('state', `a cnvm's root, which is a user of its own here, may not pass through ${closed}`, {
    remedy: `chmod o+x ${closed}`,
  });
}

function inTheWay(directory: string): CnvmError {
  return refused('exists', `${directory} exists`, { remedy: 'Move it away, or choose another landing.' });
}

/** Makes the empty disk. @throws with nothing of it there; `refused` when the directory exists, which stays then. */
export async function makeDisk(paths: DiskPaths, owner: number): Promise<void> {
  await mkdir(dirname(paths.directory), { recursive: true });
  // Only the cnvm's own root may pass: its files may be setuid, and no user of the node is to run them.
  await mkdir(paths.directory, { mode: 0o700 }).catch((error: unknown) => {
    throw hasErrno(error, 'EEXIST') ? inTheWay(paths.directory) : error;
  });
  try {
    await chown(paths.directory, owner, owner);
    for (const path of [paths.upper, paths.work, paths.rootfs]) {
      await mkdir(path, { mode: 0o755 });
      await chown(path, owner, owner);
    }
  } catch (error) {
    // Half of it would be in the way of every other try.
    await rm(paths.directory, { recursive: true, force: true });
    throw error;
  }
}

/** Writes what a machine must know of itself: its name and where names are looked up. */
export async function personalise(paths: DiskPaths, record: CnvmRecord, resolvConf: string): Promise<void> {
  const owner = uidBase(record.address);
  const files = identityFiles(record, resolvConf);
  const etc = join(paths.upper, 'etc');
  await mkdir(etc, { mode: 0o755 });
  await chown(etc, owner, owner);
  for (const [name, text] of Object.entries(files)) {
    await writeFile(join(etc, name), text, { mode: 0o644 });
    await lchown(join(etc, name), owner, owner);
  }
}

/** Files of /etc, by name. */
export function identityFiles({ name, address }: CnvmRecord, resolvConf: string): Readonly<Record<string, string>> {
  const short = name.split('.')[0];
  const names = short === name ? name : `${name} ${short}`;
  return {
    hostname: `${name}\n`,
    hosts: `127.0.0.1 localhost\n::1 localhost\n${address} ${names}\n`,
    'resolv.conf': resolvConf,
  };
}

/** Afterwards the layers are shown at `paths.lower`, also those that come later. Harmless when they are. */
export async function showLayers(paths: DiskPaths, record: CnvmRecord, directory: string): Promise<void> {
  await mkdir(paths.lower, { recursive: true, mode: 0o755 });
  if (!isMounted(paths.lower)) await bindShifted(directory, paths.lower, uidBase(record.address), UID_COUNT);
}

/** Afterwards the disk is mounted at `paths.rootfs`. Harmless when it is. */
export async function mountDisk(paths: DiskPaths, record: CnvmRecord, layers: LowerLayers): Promise<void> {
  await showLayers(paths, record, layers.directory);
  if (!isMounted(paths.rootfs)) await mountOverlay({ ...paths, lowerNames: layers.names }, paths.rootfs);
}

/** Afterwards nothing of it is mounted. Harmless when nothing is. */
export async function unmountDisk(paths: DiskPaths): Promise<void> {
  await unmount(paths.rootfs);
  await unmount(paths.lower);
  await rm(paths.lower, { recursive: true, force: true });
}

/** Afterwards the disk is gone. @throws when it is mounted. */
export async function removeDisk(paths: DiskPaths): Promise<void> {
  if (isMounted(paths.rootfs)) throw new Error(`${paths.rootfs} is mounted`);
  await rm(paths.directory, { recursive: true, force: true });
}

/** Bytes of the writable layer. */
export async function diskBytes(paths: DiskPaths): Promise<number> {
  return await diskUsage(paths.upper);
}
