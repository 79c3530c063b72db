/** Whether a way through a tree leads through directories alone, and through no link, which may lead out of it. */
import { lstatSync } from 'node:fs';

/**
 * For a tree that stands still: what was seen once is remembered. Paths are relative to `directory`, and empty for itself; a
 * character for each byte.
 */
export function createRealPaths(directory: string) {
  const known = new Map<string, boolean>([['', true]]);
  const bytesOf = (path: string) => Buffer.from(path === '' ? directory : `${directory}/${path}`, 'latin1');

  function isDirectory(path: string): boolean {
    const before = known.get(path);
    if (before !== undefined) return before;
    const is = isReal(path) && lstatSync(bytesOf(path), { throwIfNoEntry: false })?.isDirectory() === true;
    known.set(path, is);
    return is;
  }

  /** Whether all above it are directories; whether it is there itself is another question. */
  const isReal = (path: string): boolean =>
    path === '' || isDirectory(path.slice(0, Math.max(path.lastIndexOf('/'), 0)));

  return { isReal, bytesOf };
}
