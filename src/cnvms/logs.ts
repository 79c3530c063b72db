/**
 * A cnvm's system log, read from its disk. Invariant: a path within the disk is the cnvm's to shape, so every step of it
 * is opened without following links: what is read is never a file of the node.
 */
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { refused } from '../base/errors.js';
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
  const path = await checkedPath(upper);
  const lines = tailLines === 0 ? ALL : String(tailLines);
  if (!follow) {
    const { stdout } = await run(['tail', '--lines', lines, path], { signal });
    yield Buffer.from(stdout === '' ? '' : `${stdout}\n`);
    return;
  }
  const tail = spawnTool(['tail', '--lines', lines, '--follow=descriptor', path], { pipes: true });
  signal.addEventListener('abort', () => tail.kill('SIGTERM'));
  try {
    for await (const chunk of tail.stdout) yield chunk as Uint8Array;
  } finally {
    tail.kill('SIGTERM');
  }
}

/** Each directory on the way and the file itself must be what they seem. */
async function checkedPath(upper: string): Promise<string> {
  let path = upper;
  for (const [step, flag] of [
    ['var', constants.O_DIRECTORY],
    ['log', constants.O_DIRECTORY],
    ['syslog', 0],
  ] as const) {
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
