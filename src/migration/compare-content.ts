/**
 * At the target: what is named for the last pass is compared by its content. rsync takes a file of the same size and time for
 * the same one, and it need not be: two files of one archive that have changed their names have both, and so has one that is
 * mapped into memory and is written to twice. Invariant: nothing outside of the disk is touched, whatever the source says.
 */
import { lutimesSync } from 'node:fs';
import { setImmediate as breathe } from 'node:timers/promises';
import { hasErrno } from '../base/errors.js';
import { createRealPaths } from '../tools/real-path.js';

/** The daemon has other things to do, too. */
const AT_ONCE = 500;

/** Afterwards no named file that is there has its time. @param paths as for `Bulk.pullDisk`; directories are left alone. */
export async function forgetTimesOf(directory: string, paths: Uint8Array): Promise<void> {
  const { isReal, bytesOf } = createRealPaths(directory);
  const names = Buffer.from(paths).toString('latin1').split('\0');
  for (const [index, name] of names.entries()) {
    if (index % AT_ONCE === AT_ONCE - 1) await breathe();
    const path = name.replace(/^\.\//, '');
    const steps = path.split('/');
    if (path.endsWith('/') || steps.some((step) => ['', '.', '..'].includes(step)) || !isReal(path)) continue;
    try {
      lutimesSync(bytesOf(path), 0, 0);
    } catch (error) {
      if (!hasErrno(error, 'ENOENT')) throw error;
    }
  }
}
