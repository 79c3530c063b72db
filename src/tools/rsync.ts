/** rsync, at both ends of a byte stream that somebody else carries: a read-only server, and a client that pulls. */
import { writeFile } from 'node:fs/promises';
import { CnvmError } from '../base/errors.js';
import { type RunningTool, run, spawnTool } from './run.js';

/** A stalled stream is the caller's to notice; this only keeps a forgotten client from staying for ever. */
const PULL_TIMEOUT_MS = 24 * 60 * 60 * 1000;
/** Files vanished while they were copied, as those of a running cnvm do. */
const VANISHED = 24;
/** Some files could not be made equal. */
const PARTLY = 23;
/** Below zero, times are compared to the nanosecond: rsync's own default takes two changes within one second for one. */
const MODIFY_WINDOW = -1;

/**
 * Serves `directory` read-only on its standard input and output, to whoever is at the other end of them.
 * @param configFile written anew; in a directory of root's alone.
 */
export async function serveDirectory(directory: string, configFile: string): Promise<RunningTool> {
  // chroot keeps symbolic links as they are and the server inside; ids are numbers, the same on every node.
  const config = [
    'use chroot = yes',
    'uid = 0',
    'gid = 0',
    'numeric ids = yes',
    'read only = yes',
    'log file = /dev/null',
  ];
  await writeFile(configFile, [...config, '[disk]', `path = ${directory}`, ''].join('\n'), { mode: 0o600 });
  return spawnTool(['rsync', '--server', '--daemon', `--config=${configFile}`, '.'], { pipes: true });
}

/**
 * Makes `directory` equal to what the server behind the Unix socket shows: contents, owners, modes, times, links,
 * sparse parts, extended attributes, devices. What vanished meanwhile is no failure.
 * @param only paths within, each ended by a zero byte: of files, and of directories with a slash at the end, whose own entries
 * are made equal, but not what is below these. The rest is not looked at. rsync starts at once, and waits for them.
 */
export async function pullDirectory(
  socket: string,
  directory: string,
  signal: AbortSignal,
  only?: Promise<Uint8Array>,
): Promise<void> {
  const keeping = ['--archive', '--hard-links', '--acls', '--xattrs', '--sparse', '--numeric-ids', '--delete'];
  const what = only === undefined ? keeping : [...keeping, '--files-from=-', '--from0'];
  const argv = ['rsync', ...what, `--modify-window=${MODIFY_WINDOW}`, 'rsync://cnvm/disk/', `${directory}/`];
  const env = { RSYNC_CONNECT_PROG: `socat STDIO UNIX-CONNECT:${socket}` };
  if (only === undefined) await run(argv, { env, timeoutMs: PULL_TIMEOUT_MS, signal, accept: [VANISHED] });
  else await pullOnly(spawnTool(argv, { env, pipes: true, accept: [VANISHED] }), only, signal);
}

/**
 * Whether it may go well when it is done once more: where there is a directory in the place of a file with several names,
 * rsync puts the file there and then asks it for what only a directory has.
 */
export const isPartly = (error: unknown): boolean => error instanceof CnvmError && error.tool?.exitCode === PARTLY;

/** It has started, and waits for its list. */
async function pullOnly(client: RunningTool, only: Promise<Uint8Array>, signal: AbortSignal): Promise<void> {
  const end = () => client.kill('SIGTERM');
  // It may have ended before it has read all of the list, and says why by its exit code.
  client.stdin.on('error', () => undefined);
  client.stdout.resume();
  // Without a list it has done nothing yet. By any other signal it takes its time to end.
  only.then(
    (paths) => client.stdin.end(paths),
    () => client.kill('SIGKILL'),
  );
  signal.addEventListener('abort', end, { once: true });
  if (signal.aborted) end();
  try {
    await client.ended;
  } finally {
    signal.removeEventListener('abort', end);
  }
}
