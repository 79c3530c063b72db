/**
 * Being told that files may have changed. Invariant: at the latest with the next look at their times, also where the kernel
 * tells nothing (network filesystems) or a directory was put in the place of another.
 */
import { type FSWatcher, statSync, watch } from 'node:fs';
import { basename, dirname } from 'node:path';

/** Each is a few system calls. */
const LOOK_EVERY_MS = 2_000;
/** Who replaces several files does it within that time; what is half done is seen by whoever is told, too. */
const SETTLE_MS = 50;

/** @param changed is called some time after each change, and now and then for nothing. @returns what ends it. */
export function watchFiles(files: readonly string[], changed: () => void): () => void {
  const stamps = () => files.map(stampOf).join();
  let seen = stamps();
  let settling: NodeJS.Timeout | undefined;
  const soon = () => {
    settling ??= setTimeout(() => {
      settling = undefined;
      seen = stamps();
      changed();
    }, SETTLE_MS);
  };
  const watchers = [...new Set(files.map((file) => dirname(file)))].flatMap((directory) => {
    const names = new Set(files.filter((file) => dirname(file) === directory).map((file) => basename(file)));
    return watchDirectory(directory, (name) => (name === null || names.has(name) ? soon() : undefined));
  });
  const look = setInterval(() => (stamps() === seen ? undefined : soon()), LOOK_EVERY_MS);
  look.unref();
  return () => {
    for (const watcher of watchers) watcher.close();
    clearInterval(look);
    clearTimeout(settling);
  };
}

/** The directory, not the file: a file that is replaced is another one. Without inotify the looks have to do. */
function watchDirectory(directory: string, changed: (name: string | null) => void): FSWatcher[] {
  try {
    const watcher = watch(directory, { persistent: false }, (_, name) => changed(name));
    watcher.on('error', () => watcher.close());
    return [watcher];
  } catch {
    return [];
  }
}

function stampOf(file: string): string {
  const stat = statSync(file, { throwIfNoEntry: false });
  return stat === undefined ? '-' : `${stat.ino}:${stat.mtimeMs}:${stat.ctimeMs}:${stat.size}`;
}
