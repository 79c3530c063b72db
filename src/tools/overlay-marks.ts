/**
 * What the kernel's overlay takes for "gone" and for "nothing from below" (Documentation/filesystems/overlayfs): a character
 * device 0:0, and a directory's extended attribute.
 */
import { run } from './run.js';

/** A command line holds 2 MiB. */
const PATHS_AT_ONCE = 200;
const WALK_TIMEOUT_MS = 10 * 60_000;

/** Makes a whiteout; it can be linked to every name that is to be gone. */
export async function makeWhiteout(path: string): Promise<void> {
  await run(['mknod', path, 'c', '0', '0']);
}

/** Nothing of these directories shows from the layers below. */
export async function makeOpaque(directories: readonly string[]): Promise<void> {
  for (let from = 0; from < directories.length; from += PATHS_AT_ONCE) {
    const some = directories.slice(from, from + PATHS_AT_ONCE);
    await run(['setfattr', '--name=trusted.overlay.opaque', '--value=y', '--', ...some]);
  }
}

/** Removes the devices in a tree: a layer's are nobody's, as a cnvm has its own. */
export async function removeDevices(directory: string): Promise<void> {
  const devices = ['(', '-type', 'b', '-o', '-type', 'c', ')'];
  await run(['find', directory, '-xdev', ...devices, '-delete'], { timeoutMs: WALK_TIMEOUT_MS });
}

/** Paths of files whose name matches a shell pattern, from `directory` on, those in a directory before itself. */
export async function findNamed(directory: string, pattern: string): Promise<string[]> {
  const argv = ['find', directory, '-xdev', '-depth', '-name', pattern, '-printf', '%P\\0'];
  const { stdout } = await run(argv, { timeoutMs: WALK_TIMEOUT_MS });
  return stdout.split('\0').filter((path) => path !== '');
}
