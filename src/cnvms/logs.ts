/**
 * A cnvm's system log, read from its disk, and other files of it that the node reads. Invariant: a path within the disk is the cnvm's to shape, so every step of it
 * is opened without following links: what is read is never a file of the node.
 */
import { constants, existsSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { CnvmError, refused } from '../base/errors.js';
import { run, spawnTool } from '../tools/run.js';

/** All of it, oldest first. */
const ALL = '+1';

/** @throws `refused` when it has no log, or one that is not a plain file. */
export async function* readLogs(
  upper: string,
  tailLines: number,
  follow: boolean,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  yield* readLines(await checkedPath(upper, ['var', 'log', 'syslog']), tailLines, follow, signal);
}

/** What its one program has written: a file of the node's. @throws `refused` when it has written nothing. */
export async function* readOutput(
  file: string,
  tailLines: number,
  follow: boolean,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  if (!existsSync(file)) throw refused('not-found', 'it has written nothing here');
  yield* readLines(file, tailLines, follow, signal);
}

async function* readLines(
  path: string,
  tailLines: number,
  follow: boolean,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const lines = tailLines === 0 ? ALL : String(tailLines);
  if (!follow) {
    const { stdout } = await run(['tail', '--lines', lines, path], { signal });
    yield Buffer.from(stdout === '' ? '' : `${stdout}\n`);
    return;
  }
  const tail = spawnTool(['tail', '--lines', lines, '--follow=name', path], { pipes: true });
  signal.addEventListener('abort', () => tail.kill('SIGTERM'));
  try {
    for await (const chunk of tail.stdout) yield chunk as Uint8Array;
  } finally {
    tail.kill('SIGTERM');
  }
}

/** The text of a small file within a cnvm's root; empty when it has none, or one that is not a plain file. */
export async function readInside(root: string, steps: readonly string[]): Promise<string> {
  try {
    const path = await checkedPath(root, steps);
    const handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    try {
      const { size } = await handle.stat();
      return size > SMALL_BYTES_MAX ? '' : await handle.readFile('utf8');
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (error instanceof CnvmError) return '';
    throw error;
  }
}
/** A cnvm's list of users; what is bigger is no such list. */
const SMALL_BYTES_MAX = 4 * 1024 * 1024;

/** Each directory on the way and the file itself must be what they seem. */
async function checkedPath(root: string, steps: readonly string[]): Promise<string> {
  let path = root;
  for (const [index, step] of steps.entries()) {
    const flag = index < steps.length - 1 ? constants.O_DIRECTORY : 0;
    path = `${path}/${step}`;
    try {
      const handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK | flag);
      await handle.close();
    } catch (error) {
      throw refused('not-found', 'it has written no system log', { cause: error });
    }
  }
  return path;
}
