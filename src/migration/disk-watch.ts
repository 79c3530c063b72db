/**
 * What has changed of a disk, told in the freeze without a look at every file. The kernel's trace tells which inodes have changed
 * since it began; a list of the whole tree, made after that and while the cnvm runs, tells what had changed before and under
 * which names the inodes lie. In the freeze only these names are looked at, and the directories among them.
 *
 * Why nothing is missed. Take any name that is there in the freeze, of a file with a time since the flush.
 * - When the trace has its inode, and the list has the name: it is looked at. When the list has not, the name was made after
 *   the list had come by, so its directory has changed and is looked into; or a directory above it was moved (below).
 * - When the trace has not its inode, it was as it is, and where it is in its directory, before the list was made. So the list
 *   has the name, as one that has changed; or a directory above it was moved.
 * - A directory that was moved has changed, and so has the one that it is in now. So it is met when that one is looked into:
 *   one there that has changed itself, or that the list has not under that name, is looked through to the bottom. That one
 *   above is known by its own name, or is in one that was moved; the uppermost never is.
 * Whether something has changed is decided by its times, as `findChanged` does: so the two tell the same.
 * Invariant: all that `findChanged` would tell is told, or there is no answer.
 */
import { randomUUID } from 'node:crypto';
import { lstatSync, readdirSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setImmediate as breathe } from 'node:timers/promises';
import { hasErrno } from '../base/errors.js';
import { type Entry, listAll } from '../tools/find.js';
import { endTrace, traceInodes } from '../tools/inode-trace.js';
import { createRealPaths } from '../tools/real-path.js';
import { createListedNames, type ListedNames, type Named } from './listed-names.js';

/** What takes longer than a look at everything is left to that. */
const LOOKS_MAX = 50_000;
/** The daemon has other things to do, too. */
const LOOKS_AT_ONCE = 500;

export interface DiskWatch {
  /** As `findChanged`; to be asked when nothing changes any more. @throws when it cannot be told. */
  changed(): Promise<Entry[]>;
  /** Afterwards nothing of it is left. */
  close(): Promise<void>;
}

/** In a migration's scratch directory: what its trace is called, so that it is known when its daemon has died. */
const NAME_FILE = 'trace';
const NAME = /^cnvm-[0-9a-f-]{36}$/;

/** Afterwards there is none of the migration with this scratch directory. Harmless when there was none. */
export async function endWatch(scratch: string): Promise<void> {
  const name = await readFile(join(scratch, NAME_FILE), 'utf8').catch((error: unknown) => {
    if (!hasErrno(error, 'ENOENT')) throw error;
  });
  if (name !== undefined && NAME.test(name)) await endTrace(name);
}

/**
 * @param scratch the migration's own directory. @param sinceMs as of `findChanged`. @throws when this kernel or this disk cannot be watched; then
 * nothing of it is left.
 */
export async function watchDisk(
  scratch: string,
  directory: string,
  sinceMs: number,
  signal: AbortSignal,
): Promise<DiskWatch> {
  // Nodes may share a kernel, as those of a lab do, and the other end has the same migration.
  const name = `cnvm-${randomUUID()}`;
  await writeFile(join(scratch, NAME_FILE), name);
  // What is beside the disk does not move, and may be touched.
  const trace = await traceInodes(name, dirname(directory));
  try {
    const listed = createListedNames();
    await listAll(directory, sinceMs, (entry) => listed.add(entry), signal);
    return {
      changed: async () => await lookAgain(directory, sinceMs, listed, await trace.changed()),
      close: () => trace.close(),
    };
  } catch (error) {
    await trace.close();
    throw error;
  }
}

/** @param inodes all that have changed since before `listed` was made. @throws when that is too much to look at. */
export async function lookAgain(
  directory: string,
  sinceMs: number,
  listed: Pick<ListedNames, 'changed' | 'namesOf'>,
  inodes: ReadonlySet<number>,
): Promise<Entry[]> {
  const tree = openTree(directory, sinceMs);
  const within: Found[] = [];
  for (const path of new Set([...listed.changed, ...listed.namesOf(inodes).map((one) => one.path)])) {
    const found = await tree.look(path);
    if (found?.directory && inodes.has(found.inode)) within.push(...(await tree.directoriesIn(path)));
  }
  const key = ({ inode, path }: Named) => `${inode} ${path}`;
  const known = new Set(listed.namesOf(new Set(within.map(({ inode }) => inode))).map(key));
  const through = within.filter((one) => inodes.has(one.inode) || !known.has(key(one)));
  for (let next = through.pop(); next !== undefined; next = through.pop())
    through.push(...(await tree.directoriesIn(next.path)));
  return tree.changed();
}

interface Found extends Named {
  readonly directory: boolean;
}

/** Looks at single names of a tree that stands still, and through no link. */
function openTree(directory: string, sinceMs: number) {
  const { isReal, bytesOf } = createRealPaths(directory);
  const changed = new Map<string, Entry>();
  const device = lstatSync(directory).dev;
  let looks = 0;

  async function look(path: string): Promise<Found | undefined> {
    looks += 1;
    if (looks > LOOKS_MAX) throw new Error(`more than ${LOOKS_MAX} names may have changed`);
    if (looks % LOOKS_AT_ONCE === 0) await breathe();
    const found = isReal(path) ? lstatSync(bytesOf(path), { throwIfNoEntry: false }) : undefined;
    if (found === undefined) return undefined;
    const isDirectory = found.isDirectory();
    if (found.ctimeMs > sinceMs || found.mtimeMs > sinceMs)
      changed.set(path, { path, directory: isDirectory, links: found.nlink });
    // What is mounted there is not of the disk.
    return { path, inode: found.ino, directory: isDirectory && found.dev === device };
  }

  return {
    look,
    /** Looks at all that is in a directory. */
    async directoriesIn(path: string): Promise<Found[]> {
      const directories: Found[] = [];
      for (const name of readdirSync(bytesOf(path), { encoding: 'buffer' })) {
        const found = await look(path === '' ? name.toString('latin1') : `${path}/${name.toString('latin1')}`);
        if (found?.directory) directories.push(found);
      }
      return directories;
    },
    changed: () => [...changed.values()],
  };
}
