/** GNU tar: archives of roots, packed and unpacked with all that a file system knows of a file. */
import { type RunningTool, run, spawnTool } from './run.js';

/** Big roots take their time. */
const PACK_TIMEOUT_MS = 6 * 60 * 60_000;

/**
 * Those that are a file's own. Not "trusted": with it an archive could tell the overlay where to look; nor others of
 * "security", which are the machine's.
 */
const XATTRS = ['user.*', 'security.capability', 'system.posix_acl_*'].map((names) => `--xattrs-include=${names}`);

/** Unpacks what comes on its standard input into a directory; never outside of it. */
export function unpackInto(directory: string): RunningTool {
  return spawnTool(
    [
      ...['tar', '--extract', '--file=-', `--directory=${directory}`, '--numeric-owner', '--same-owner'],
      ...['--same-permissions', '--delay-directory-restore', '--xattrs', ...XATTRS, '--acls'],
      '--warning=no-unknown-keyword',
    ],
    { pipes: true },
  );
}

/** Packs a directory into the file `archive`, in an order that is always the same, and no other file systems. */
export async function packDirectory(directory: string, archive: string, signal: AbortSignal): Promise<void> {
  await run(
    [
      ...['tar', '--create', `--file=${archive}`, `--directory=${directory}`, '--format=pax', '--sort=name'],
      // Its own process and the time of reading are in the headers of this format, unless they are left out.
      '--pax-option=exthdr.name=%d/PaxHeaders/%f,delete=atime,delete=ctime',
      ...['--numeric-owner', '--one-file-system', '--xattrs', ...XATTRS, '--acls', '.'],
    ],
    { timeoutMs: PACK_TIMEOUT_MS, signal },
  );
}

/** Unpacks an archive of plain files; never outside of `directory`, and as files of this process, whatever it says of owners. */
export async function unpackPlain(archive: string, directory: string, signal: AbortSignal): Promise<void> {
  await run(
    [
      ...['tar', '--extract', `--file=${archive}`, `--directory=${directory}`, '--no-same-owner'],
      ...['--no-same-permissions', '--warning=no-timestamp'],
    ],
    { timeoutMs: PACK_TIMEOUT_MS, signal },
  );
}

/** All that a file system and an overlay know of a file: this archive is ours, and no image's. */
const WHOLE = ['--numeric-owner', '--acls', '--xattrs', '--xattrs-include=*', '--sparse'];

/** Packs a directory that stands still into the file `archive`, all that a file system knows of each file; but no sockets. */
export async function packDisk(directory: string, archive: string, signal: AbortSignal): Promise<void> {
  await run(
    [
      ...['tar', '--create', `--file=${archive}`, `--directory=${directory}`, '--format=pax', '--one-file-system'],
      ...['--pax-option=delete=atime,delete=ctime', '--warning=no-file-ignored', ...WHOLE, '.'],
    ],
    { timeoutMs: PACK_TIMEOUT_MS, signal },
  );
}

/** Unpacks what `packDisk` has packed; never outside of `directory`. @param through what comes before the command, and runs it. */
export async function unpackDisk(
  archive: string,
  directory: string,
  signal: AbortSignal,
  through: readonly string[] = [],
): Promise<void> {
  await run(
    [
      ...through,
      ...['tar', '--extract', `--file=${archive}`, `--directory=${directory}`, '--same-owner', '--same-permissions'],
      ...['--delay-directory-restore', '--warning=no-timestamp', ...WHOLE],
    ],
    { timeoutMs: PACK_TIMEOUT_MS, signal },
  );
}
