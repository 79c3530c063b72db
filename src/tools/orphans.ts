/**
 * Programs that a daemon which has died started, and that outlived it. Invariant: what is found or ended here carries this
 * node's mark in its environment, which only its daemon gives; nothing else is ever touched.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/** The daemon puts its run directory here at its start, and every program that it starts inherits it. */
export const OWNER_VARIABLE = 'CNVM_OWNER';
/** Set for a program that must not be killed: it holds processes of a cnvm, and lets them go when it ends by itself. */
export const GENTLE_VARIABLE = 'CNVM_GENTLE';

const POLL_MS = 20;

export interface Orphan {
  readonly pid: number;
  readonly command: string;
  readonly gentle: boolean;
}

/** Every program of `owner` but ourselves. */
export function findOrphans(owner: string): Orphan[] {
  const mark = `${OWNER_VARIABLE}=${owner}`;
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => pid > 0 && pid !== process.pid)
    .flatMap((pid) => {
      const environment = readOf(pid, 'environ');
      if (!environment.includes(mark)) return [];
      const gentle = environment.some((entry) => entry.startsWith(`${GENTLE_VARIABLE}=`));
      return [{ pid, command: readOf(pid, 'cmdline').join(' ').trim(), gentle }];
    });
}

/**
 * Ends what must be ended, and waits for the rest to end by itself: its pipes to the dead daemon are broken.
 * @returns what is still there after `withinMs`; empty when all is well.
 */
export async function endOrphans(owner: string, withinMs: number): Promise<Orphan[]> {
  let left = findOrphans(owner);
  for (let waited = 0; left.length > 0 && waited < withinMs; waited += POLL_MS) {
    for (const { pid, gentle } of left) if (!gentle) kill(pid);
    await sleep(POLL_MS);
    // Again from the start: one of them may have begun another.
    left = findOrphans(owner);
  }
  return left;
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has just ended by itself.
  }
}

/** The strings of a file of zero-terminated ones; none when the process has gone, or is a zombie. */
function readOf(pid: number, file: string): string[] {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8').split('\0');
  } catch {
    return [];
  }
}
