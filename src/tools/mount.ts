/** Mounts. Invariant: `unmount` of what is not mounted is no failure. */
import { readFileSync } from 'node:fs';
import { run } from './run.js';

/**
 * Shows `source` at `target`, read-only, with host uid `base` + n wherever a file belongs to n.
 * Needs util-linux 2.39 and a filesystem that the kernel can map.
 */
export async function bindShifted(source: string, target: string, base: number, count: number): Promise<void> {
  const options = `bind,ro,X-mount.idmap=b:0:${base}:${count}`;
  await run(['mount', '--options', options, source, target]);
}

/** The other way round: shows `source` at `target`, to be written too, with n wherever a file belongs to host uid `base` + n. */
export async function bindOwn(source: string, target: string, base: number, count: number): Promise<void> {
  const options = `bind,nosuid,nodev,noexec,X-mount.idmap=b:${base}:0:${count}`;
  await run(['mount', '--options', options, source, target]);
}

/**
 * An overlay of read-only layers, the uppermost first, and one writable one. Their names are taken from `lower` on: all of
 * them stand in one page of options.
 */
export async function mountOverlay(
  layers: { lower: string; lowerNames: readonly string[]; upper: string; work: string },
  target: string,
): Promise<void> {
  const options = `lowerdir=${layers.lowerNames.join(':')},upperdir=${layers.upper},workdir=${layers.work}`;
  await run(['mount', '-t', 'overlay', 'overlay', '--options', options, target], { cwd: layers.lower });
}

/** A private store in memory of at most `bytes`. */
export async function mountMemory(target: string, bytes: number): Promise<void> {
  await run(['mount', '-t', 'tmpfs', 'cnvm', '--options', `size=${bytes},mode=0700,nosuid,nodev,noexec`, target]);
}

/** A store in memory, of at most half of it, that `owner` alone may pass: a cnvm's root, and who restores it. */
export async function mountVolatile(target: string, owner: number): Promise<void> {
  const options = `mode=0700,uid=${owner},gid=${owner},nosuid,nodev`;
  await run(['mount', '-t', 'tmpfs', 'cnvm', '--options', options, target]);
}

/** Afterwards nothing is mounted at `target`, though a process may still hold what was. */
export async function unmount(target: string): Promise<void> {
  while (isMounted(target)) await run(['umount', '--lazy', target]);
}

/** Afterwards nothing is mounted below `directory`, so that what is done to its files is done to no others. */
export async function unmountBelow(directory: string): Promise<void> {
  // The last one first: it may lie within another.
  for (const path of mountedPaths().reverse()) if (path.startsWith(`${directory}/`)) await unmount(path);
}

/** Whether something is mounted at exactly this path. */
export function isMounted(target: string): boolean {
  return mountedPaths().includes(target);
}

/** Every mount point of this node, in the order of mounting. */
export function mountedPaths(): string[] {
  return readFileSync('/proc/self/mountinfo', 'utf8')
    .trim()
    .split('\n')
    .map((line) =>
      (line.split(' ')[4] ?? '').replace(/\\(\d{3})/g, (_, octal: string) =>
        String.fromCharCode(Number.parseInt(octal, 8)),
      ),
    );
}
