/**
 * What the last pass of the disk has to look at, pure. Known is what has a time since the seed began, by the kernel's clock.
 *
 * What has none was not changed since, nor renamed; so the seed has brought it, unless a directory above it was moved
 * meanwhile. One that was moved has a new time itself, and so has the directory that it was moved into. So one of which only
 * one of the two is true stands where it stood, and only its own entries need to be looked at; one of which both are true
 * may have been moved, and all that is below it is looked at.
 * Invariant: whatever may differ from what the seed has brought is in the list, or there is no list.
 */
import type { Entry } from '../tools/find.js';

/** The directories that may have been moved; of those in one another the uppermost. */
export function maybeMoved(changed: readonly Entry[]): string[] {
  const directories = new Set(changed.filter(({ directory }) => directory).map(({ path }) => path));
  const moved = new Set([...directories].filter((path) => path !== '' && directories.has(parentOf(path))));
  return [...moved].filter((path) => !above(path).some((one) => moved.has(one)));
}

/**
 * Paths for `Bulk.pullDisk`, each ended by a zero byte. Undefined when a file that has not changed is in what may have been
 * moved, and has another name: that one would not be known to be the same file.
 * @param below all that is in what may have been moved
 */
export function pathsToPull(changed: readonly Entry[], below: readonly Entry[]): string | undefined {
  const known = new Set(changed.map(({ path }) => path));
  const more = below.filter(({ path }) => !known.has(path));
  if (more.some(({ directory, links }) => !directory && links > 1)) return undefined;
  return [...changed, ...more].map((entry) => `${nameOf(entry)}\0`).join('');
}

/** What begins with a sign of its own is a name all the same. */
function nameOf({ path, directory }: Entry): string {
  if (path === '') return './';
  return directory ? `./${path}/` : `./${path}`;
}

function parentOf(path: string): string {
  return path.slice(0, Math.max(path.lastIndexOf('/'), 0));
}

/** The uppermost directory itself is not among them: it is never moved. */
function above(path: string): string[] {
  const steps = path.split('/');
  return steps.slice(1).map((_, index) => steps.slice(0, index + 1).join('/'));
}
