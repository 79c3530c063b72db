/**
 * Programs that a daemon which has died started, and that outlived it. Invariant: what is found or ended here carries this
 * node's mark in its environment, which only its daemon gives, or is a criu that works in a directory of that daemon's;
 * nothing else is ever touched.
 */
import { readdirSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fieldsOfStat, readIfThere } from '../base/proc.js';
import { type CpuUse, cpuUse, interruptHung } from './hung.js';

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

/** What programs belong to: a mark ("VARIABLE=VALUE"), and where a criu works that has lost it. */
export interface Belonging {
  readonly mark: string;
  /** Or below it. */
  readonly workDir: string;
}

/** A criu that runc has started writes what it does over its arguments and its environment, and no mark is left. */
const CRIU_TITLES: readonly (readonly [RegExp, Gentle])[] = [
  [/^criu: (pre-)?dump\b/, 'dump'],
  [/^criu: restore\b/, 'restore'],
];

/** PF_FORKNOEXEC in Linux's include/linux/sched.h. */
const FORKED_FLAG = 0x40;

const POLL_MS = 20;
/** After KILL the kernel needs a moment. */
const KILL_WAIT_MS = 5_000;
/** And criu, to roll back what it was interrupted in. */
const INTERRUPT_WAIT_MS = 2_000;

export interface Orphan {
  readonly pid: number;
  readonly parent: number;
  readonly command: string;
  /** The name of what runs, as the kernel has it, of at most 15 bytes: criu writes other words over its arguments. */
  readonly program: string;
  readonly gentle: Gentle | undefined;
  /** Forked and no program of its own since: what criu forks for itself, and of a cnvm, looks like criu. */
  readonly forked: boolean;
}

/** Where criu works for the cnvm of this name, or for any, of the daemon with this run directory. */
export const criuWorkDir = (runDir: string, name = ''): string => join(runDir, 'criu', name);

/** Every program of `owner` but ourselves. */
export function findOrphans(owner: string): Orphan[] {
  return findMarked({ mark: `${OWNER_VARIABLE}=${owner}`, workDir: criuWorkDir(owner) });
}

/** Ends every program that belongs there. @returns those that are still there after a while. */
export async function endMarked(belonging: Belonging): Promise<Orphan[]> {
  for (let waited = 0; ; waited += POLL_MS) {
    const left = findMarked(belonging);
    if (left.length === 0 || waited >= KILL_WAIT_MS) return left;
    for (const { pid } of left) kill(pid);
    await sleep(POLL_MS);
  }
}

/** Sends a signal to every program that belongs there. */
export function signalMarked(belonging: Belonging, signal: NodeJS.Signals): void {
  for (const { pid } of findMarked(belonging)) kill(pid, signal);
}

/** The kernel's name for what it waits in: where a program that hangs does so. */
export function waitsIn(pid: number): string {
  const where = readIfThere(`/proc/${pid}/wchan`);
  return where === '' || where === '0' ? 'no wait' : where;
}

/** Every program that belongs there but ourselves. */
export function findMarked({ mark, workDir }: Belonging): Orphan[] {
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => pid > 0 && pid !== process.pid)
    .flatMap((pid) => {
      const environment = readOf(pid, 'environ');
      const stat = statOf(pid);
      const lostIt = stat.program === 'criu' && !environment.some((entry) => entry.startsWith(`${OWNER_VARIABLE}=`));
      if (!environment.includes(mark) && !(lostIt && worksIn(pid, workDir))) return [];
      const command = readOf(pid, 'cmdline').join(' ').trim();
      return [{ pid, ...stat, command, gentle: gentleOf(environment, command) }];
    });
}

function gentleOf(environment: readonly string[], command: string): Gentle | undefined {
  const word = environment.find((entry) => entry.startsWith(`${GENTLE_VARIABLE}=`))?.split('=')[1];
  if (GENTLE.includes(word ?? '')) return word as Gentle;
  return CRIU_TITLES.find(([title]) => title.test(command))?.[1];
}

function worksIn(pid: number, directory: string): boolean {
  try {
    return `${readlinkSync(`/proc/${pid}/cwd`)}/`.startsWith(join(directory, '/'));
  } catch {
    return false;
  }
}

/**
 * Ends what must be ended, and waits `withinMs` for the gentle to end by themselves: their pipes to the dead daemon are
 * broken. A dump that hangs is interrupted, and never killed. @returns what is still there; empty when all is well.
 */
export async function endOrphans(owner: string, withinMs: number): Promise<Orphan[]> {
  let left = findOrphans(owner);
  let usedBefore: CpuUse | undefined = cpuUse(left);
  for (let waited = 0; left.length > 0; waited += POLL_MS) {
    const late = waited >= withinMs;
    const untouchable = left.every(({ gentle }) => gentle === 'dump' || gentle === 'pages');
    if (waited >= withinMs + (untouchable ? INTERRUPT_WAIT_MS : KILL_WAIT_MS)) return left;
    for (const { pid, gentle } of left) if (gentle === undefined || (late && gentle === 'restore')) kill(pid);
    if (late && usedBefore !== undefined) {
      interruptHung(
        left.filter(({ gentle }) => gentle === 'dump'),
        usedBefore,
      );
      usedBefore = undefined;
    }
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
function statOf(pid: number): Pick<Orphan, 'parent' | 'program' | 'forked'> {
  const { name, rest } = fieldsOfStat(readIfThere(`/proc/${pid}/stat`));
  // "STATE PARENT GROUP SESSION TTY TTY-GROUP FLAGS ...": proc(5).
  const [, parent = 0, , , , , flags = 0] = rest.map(Number);
  return { program: name, parent, forked: (flags & FORKED_FLAG) !== 0 };
}

/** The strings of a file of zero-terminated ones; none when the process has gone, or is a zombie. */
function readOf(pid: number, file: string): string[] {
  const text = readIfThere(`/proc/${pid}/${file}`);
  return text === '' ? [] : text.split('\0');
}
