/**
 * One at a time over all processes of a machine, by a file that only one can make. Invariant: what a process that died has
 * left locked is locked no longer, also when the machine died with it.
 */
import { createHash, randomUUID } from 'node:crypto';
import { link, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { readFileIfAny } from './atomic-file.js';
import { hasErrno, refused } from './errors.js';
import { readIfThere, startOfStat } from './proc.js';

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
  // Whole from the moment that it is there: one that says nothing is nobody's.
  const whole = `${file}.${randomUUID()}.tmp`;
  try {
    await writeFile(whole, `${process.pid} ${startOf(process.pid)}`, { mode: 0o600 });
    await link(whole, file);
    return true;
  } catch (error) {
    if (hasErrno(error, 'EEXIST')) return false;
    throw error;
  } finally {
    await rm(whole, { force: true });
  }
}

async function dropIfDead(file: string): Promise<void> {
  if (!(await isDead(file))) return;
  const gate = await openGate(file);
  if (gate === undefined) return;
  try {
    // Again: who was here before has dropped what was dead, and somebody who lives may have taken it since.
    if (await isDead(file)) await rm(file, { force: true });
  } finally {
    await new Promise((done) => gate.close(done));
  }
}

async function isDead(file: string): Promise<boolean> {
  const text = await readFileIfAny(file);
  return text !== undefined && !lives(text);
}

/**
 * Held by one at a time, who alone drops what is dead; the kernel lets go of it when its holder dies. (It is one in each
 * network namespace. So are the numbers of processes, mostly.) @returns undefined when somebody else has it.
 */
async function openGate(file: string): Promise<Server | undefined> {
  const name = createHash('sha256').update(resolve(file)).digest('hex');
  const gate = createServer();
  return await new Promise((done, failed) => {
    gate.once('error', (error) => (hasErrno(error, 'EADDRINUSE') ? done(undefined) : failed(error)));
    gate.listen({ path: `\0cnvm-lock-${name}` }, () => done(gate));
  });
}

/** Whether who has written it still runs. A number alone may be another process's after the machine has started anew. */
function lives(text: string): boolean {
  const [, pid = '', start] = /^([1-9]\d*)(?: (\d+))?$/.exec(text) ?? [];
  const now = startOf(Number(pid));
  return now !== '' && (start === undefined || start === now);
}

/** Empty when there is no such process. */
const startOf = (pid: number): string => startOfStat(readIfThere(`/proc/${pid}/stat`));
