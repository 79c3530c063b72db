/**
 * One at a time over all processes of a machine, by a file that only one can make. Invariant: what a process that died has
 * left locked is locked no longer.
 */
import { open, readFile, rm } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { hasErrno, refused } from './errors.js';

const RETRY_MS = 20;
/** What is done under a lock takes milliseconds. */
const WAIT_MS = 10_000;

/** Runs `act` while nobody else holds `file`. @throws `refused` when somebody holds it for long; then nothing was done. */
export async function withFileLock<T>(file: string, act: () => Promise<T>): Promise<T> {
  const until = Date.now() + WAIT_MS;
  while (!(await take(file))) {
    if (Date.now() > until)
      throw refused('unavailable', `${file} is held by another process`, {
        remedy: 'Try again; remove it if nobody runs.',
      });
    await dropIfDead(file);
    await sleep(RETRY_MS);
  }
  try {
    return await act();
  } finally {
    await rm(file, { force: true });
  }
}

async function take(file: string): Promise<boolean> {
  try {
    const handle = await open(file, 'wx', 0o600);
    await handle.writeFile(String(process.pid));
    await handle.close();
    return true;
  } catch (error) {
    if (hasErrno(error, 'EEXIST')) return false;
    throw error;
  }
}

async function dropIfDead(file: string): Promise<void> {
  const holder = Number(await readFile(file, 'utf8').catch(() => ''));
  // Empty: it is being made.
  if (!Number.isInteger(holder) || holder <= 0) return;
  try {
    process.kill(holder, 0);
  } catch (error) {
    if (hasErrno(error, 'ESRCH')) await rm(file, { force: true });
  }
}
