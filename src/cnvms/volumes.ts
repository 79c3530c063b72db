/**
 * Directories that an image says its program keeps data in. They are a part of the cnvm's own layer like all that it writes,
 * and move with it; here they are only made to be there. Invariant: no step goes through a link, so nothing of the node's is
 * made or changed.
 */
import { constants } from 'node:fs';
import { chown, mkdir, open } from 'node:fs/promises';
import { hasErrno } from '../base/errors.js';

/** Afterwards each is a directory, or is what the image has made of it. @param root where the disk is mounted. */
export async function makeVolumes(root: string, volumes: readonly string[], owner: number): Promise<void> {
  for (const volume of volumes) await makeVolume(root, volume, owner);
}

async function makeVolume(root: string, volume: string, owner: number): Promise<void> {
  let path = root;
  for (const step of volume.split('/').filter((part) => part !== '' && part !== '.')) {
    if (step === '..') return;
    path = `${path}/${step}`;
    if (await made(path)) await chown(path, owner, owner);
    else if (!(await isDirectory(path))) return;
  }
}

async function made(path: string): Promise<boolean> {
  try {
    await mkdir(path, { mode: 0o755 });
    return true;
  } catch (error) {
    if (hasErrno(error, 'EEXIST')) return false;
    throw error;
  }
}

async function isDirectory(path: string): Promise<boolean> {
  try {
    const handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_DIRECTORY);
    await handle.close();
    return true;
  } catch {
    return false;
  }
}
