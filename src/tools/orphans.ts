/**
 * Programs that a daemon which has died started, and that outlived it. Invariant: what is found or ended here carries this
 * node's mark in its environment, which only its daemon gives; nothing else is ever touched.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/** The daemon puts its run directory here at its start, and every program that it starts inherits it. */
export const OWNER_VARIABLE = 'CNVM_OWNER';
/**
 * Set for a program that is to end by itself: a `dump` holds processes of a cnvm, lets them go when its pipes break, and is
 * never killed; a `restore` leaves something broken when it is killed, so it is killed only when it takes too long; `pages` brings
 * the rest of a cnvm's memory, ends when its stream breaks with us, and whoever killed it could make the rest zeros.
 */
export const GENTLE_VARIABLE = 'CNVM_GENTLE';
export type Gentle = 'dump' | 'restore' | 'pages';
const GENTLE: readonly string[] = ['dump', 'restore', 'pages'] satisfies Gentle[];

const POLL_MS = 20;
/** After KILL the kernel needs a moment. */
const KILL_WAIT_MS = 5_000;

export interface Orphan {
  readonly pid: number;
  readonly parent: number;
  readonly command: string;
  /** The name of what runs, as the kernel has it, of at most 15 bytes: criu writes other words over its arguments. */
  readonly program: string;
  readonly gentle: Gentle | undefined;
  /** In a process namespace below ours: what criu has forked of a cnvm, which looks like criu until it is restored. */
  readonly nested: boolean;
}

/** Every program of `owner` but ourselves. */
export function findOrphans(owner: string): Orphan[] {
  return findMarked(`${OWNER_VARIABLE}=${owner}`);
}

/** Ends every program with this mark ("VARIABLE=VALUE"). @returns those that are still there after a while. */
export async function endMarked(mark: string): Promise<Orphan[]> {
  for (let waited = 0; ; waited += POLL_MS) {
    const left = findMarked(mark);
    if (left.length === 0 || waited >= KILL_WAIT_MS) return left;
    for (const { pid } of left) kill(pid);
    await sleep(POLL_MS);
  }
}

/** Sends a signal to every program with this mark. */
export function signalMarked(mark: string, signal: NodeJS.Signals): void {
  for (const { pid } of findMarked(mark)) kill(pid, signal);
}

/** Every program with this mark but ourselves. */
export function findMarked(mark: string): Orphan[] {
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => pid > 0 && pid !== process.pid)
    .flatMap((pid) => {
      const environment = readOf(pid, 'environ');
      if (!environment.includes(mark)) return [];
      const word = environment.find((entry) => entry.startsWith(`${GENTLE_VARIABLE}=`))?.split('=')[1];
      const gentle = GENTLE.includes(word ?? '') ? (word as Gentle) : undefined;
      const command = readOf(pid, 'cmdline').join(' ').trim();
      return [{ pid, ...statOf(pid), command, gentle, nested: isNested(pid) }];
    });
}

/**
 * Ends what must be ended, and waits `withinMs` for the gentle to end by themselves: their pipes to the dead daemon are
 * broken. @returns what is still there; empty when all is well.
 */
export async function endOrphans(owner: string, withinMs: number): Promise<Orphan[]> {
  let left = findOrphans(owner);
  for (let waited = 0; left.length > 0; waited += POLL_MS) {
    const late = waited >= withinMs;
    if (late && left.every(({ gentle }) => gentle === 'dump' || gentle === 'pages')) return left;
    if (waited >= withinMs + KILL_WAIT_MS) return left;
    for (const { pid, gentle } of left) if (gentle === undefined || (late && gentle === 'restore')) kill(pid);
    await sleep(POLL_MS);
    // Again from the start: one of them may have begun another.
    left = findOrphans(owner);
  }
  return left;
}

function kill(pid: number, signal: NodeJS.Signals = 'SIGKILL'): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It has just ended by itself.
  }
}

/** Parent 0 and no name when it has just gone. */
function statOf(pid: number): { parent: number; program: string } {
  const [stat = ''] = readOf(pid, 'stat');
  // "PID (NAME) STATE PARENT ...", and a name may hold spaces and parentheses.
  const end = stat.lastIndexOf(')');
  return { program: stat.slice(stat.indexOf('(') + 1, end), parent: Number(stat.slice(end + 2).split(' ')[1] ?? 0) };
}

/** It has an id in each of its namespaces, the innermost last. */
function isNested(pid: number): boolean {
  return readOf(pid, 'status').some((text) => /^NSpid:\t\d+\t/m.test(text));
}

/** The strings of a file of zero-terminated ones; none when the process has gone, or is a zombie. */
function readOf(pid: number, file: string): string[] {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8').split('\0');
  } catch {
    return [];
  }
}
