/**
 * The kernel's control groups, version 1, 2 or both: what is in one of ours. Invariant: a path here is a cnvm's own, below
 * the parent that the config names, so that what is ended is that cnvm's and nothing else.
 */
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { readIfThere } from '../base/proc.js';

/** Where a cnvm's processes are listed and frozen: version 1's freezer, version 2, and version 2 beside version 1. */
const HIERARCHIES = ['/sys/fs/cgroup/freezer', '/sys/fs/cgroup', '/sys/fs/cgroup/unified'];
const POLL_MS = 20;
/** A process stops at its next step; one that waits for a disk that does not answer, after that. */
const STOP_WAIT_MS = 2_000;

/** Where its directories are, or would be, one in each hierarchy. */
export const hierarchyPaths = (cgroup: string): string[] => HIERARCHIES.map((hierarchy) => join(hierarchy, cgroup));

/** Whether it is frozen, or about to be: what is held by a tracer meanwhile stops when it is let go. */
export function isFrozen(cgroup: string): boolean {
  return hierarchyPaths(cgroup).some(
    (directory) =>
      /^FR/.test(readIfThere(join(directory, 'freezer.state'))) ||
      /^1/.test(readIfThere(join(directory, 'cgroup.freeze'))),
  );
}

/** Whether the kernel freezes it by version 1, also where version 2 is there, too. */
export function freezesByVersion1(cgroup: string): boolean {
  return hierarchyPaths(cgroup).some((directory) => existsSync(join(directory, 'freezer.state')));
}

/** Where memory is charged: version 1's hierarchy of its own, and version 2. */
const MEMORY_HIERARCHIES = ['/sys/fs/cgroup/memory', '/sys/fs/cgroup'];

/** What comes before a command whose memory, its files' in memory too, is to be charged to that cgroup, which need not be there yet. */
export function enterMemoryOf(cgroup: string): string[] {
  const hierarchy = MEMORY_HIERARCHIES.find((directory) => existsSync(join(directory, 'cgroup.procs')));
  const script = 'mkdir -p "$0" && echo 0 > "$0/cgroup.procs" && exec "$@"';
  return hierarchy === undefined ? [] : ['sh', '-c', script, join(hierarchy, cgroup)];
}

/** The ids of all processes in it and below it. */
export function processesIn(cgroup: string): number[] {
  const found = directoriesOf(cgroup).flatMap((directory) => readIfThere(join(directory, 'cgroup.procs')).split('\n'));
  return [...new Set(found.map(Number))].filter((pid) => pid > 0);
}

/** Ends every process in it, frozen or not. @returns those that are still there after `withinMs`. */
export async function endProcessesIn(cgroup: string, withinMs: number): Promise<number[]> {
  for (let waited = 0; ; waited += POLL_MS) {
    const left = processesIn(cgroup);
    if (left.length === 0 || waited > withinMs) return left;
    for (const pid of left) kill(pid);
    // Only now: with KILL pending not one of them runs a step of its own.
    thawProcessesIn(cgroup);
    await sleep(POLL_MS);
  }
}

/**
 * Afterwards none of its processes runs on without a thaw, not even one that somebody traces and lets go of.
 * @throws when there is no such cgroup.
 */
export function freezeProcessesIn(cgroup: string): void {
  const { file, word } = freezerOf(cgroup);
  writeFileSync(file, word);
}

/**
 * Freezes it. Afterwards none of its processes runs a step. @throws when one of them does not stop in time, and it is not
 * frozen then; when it was frozen before, by somebody who will thaw it; and when there is no such cgroup.
 */
export async function stopProcessesIn(cgroup: string): Promise<void> {
  const { file, word, stands } = freezerOf(cgroup);
  if (stands()) throw new Error(`the cgroup ${cgroup} is frozen already`);
  const until = performance.now() + STOP_WAIT_MS;
  do {
    // Again each time: version 1 does not catch what was forked meanwhile.
    writeFileSync(file, word);
    if (stands()) return;
    await sleep(1);
  } while (performance.now() < until);
  thawProcessesIn(cgroup);
  throw new Error(`the processes in the cgroup ${cgroup} do not stop`);
}

function freezerOf(cgroup: string): { file: string; word: string; stands: () => boolean } {
  const freezers = hierarchyPaths(cgroup).flatMap((directory) => [
    {
      ...{ file: join(directory, 'freezer.state'), word: 'FROZEN' },
      stands: () => /^FROZEN/.test(readIfThere(join(directory, 'freezer.state'))),
    },
    {
      ...{ file: join(directory, 'cgroup.freeze'), word: '1' },
      stands: () => /^frozen 1/m.test(readIfThere(join(directory, 'cgroup.events'))),
    },
  ]);
  // The first and no other: where both are there, who thaws it knows of the older one alone.
  const freezer = freezers.find(({ file }) => existsSync(file));
  if (freezer === undefined) throw new Error(`there is no cgroup ${cgroup} to freeze`);
  return freezer;
}

/** Where CPU time is shared out and counted: version 1, whose two controllers may be apart, version 2, and both. */
const CPU_HIERARCHIES = ['/sys/fs/cgroup/cpu', '/sys/fs/cgroup/cpuacct', ...HIERARCHIES.slice(1)];

/** The CPU time that its processes have used, those that have ended included. @throws when there is no such cgroup. */
export function cpuTimeMs(cgroup: string): number {
  for (const directory of CPU_HIERARCHIES.map((hierarchy) => join(hierarchy, cgroup))) {
    const nanoseconds = readIfThere(join(directory, 'cpuacct.usage'));
    if (nanoseconds !== '') return Number(nanoseconds) / 1_000_000;
    const microseconds = /^usage_usec (\d+)/m.exec(readIfThere(join(directory, 'cpu.stat')))?.[1];
    if (microseconds !== undefined) return Number(microseconds) / 1000;
  }
  throw new Error(`no CPU time is counted in the cgroup ${cgroup}`);
}

/** Whether the kernel can limit its CPU time. */
export function cpuLimited(cgroup: string): boolean {
  return cpuLimitOf(cgroup) !== undefined;
}

/**
 * Lets it use `quotaUs` of CPU time in each `periodUs`, all CPUs together; undefined: as much as there is.
 * @throws when CPU time cannot be limited there.
 */
export function limitCpu(cgroup: string, periodUs: number, quotaUs: number | undefined): void {
  const limit = cpuLimitOf(cgroup);
  if (limit === undefined) throw new Error(`CPU time cannot be limited in the cgroup ${cgroup}`);
  // Version 1 has the period in a file of its own, and the kernel's default is ours.
  const text = limit.version === 1 ? String(quotaUs ?? -1) : `${quotaUs ?? 'max'} ${periodUs}`;
  writeFileSync(limit.file, text);
}

function cpuLimitOf(cgroup: string): { file: string; version: 1 | 2 } | undefined {
  const files = CPU_HIERARCHIES.map((hierarchy) => join(hierarchy, cgroup)).flatMap((directory) => [
    { file: join(directory, 'cpu.cfs_quota_us'), version: 1 } as const,
    { file: join(directory, 'cpu.max'), version: 2 } as const,
  ]);
  return files.find(({ file }) => existsSync(file));
}

/** Lets all of it run. What a tracer holds meanwhile stays held. */
export function thawProcessesIn(cgroup: string): void {
  for (const directory of directoriesOf(cgroup)) {
    write(join(directory, 'freezer.state'), 'THAWED');
    write(join(directory, 'cgroup.freeze'), '0');
  }
}

/** Its own directories and all below them. */
function directoriesOf(cgroup: string): string[] {
  return hierarchyPaths(cgroup).flatMap(withThoseBelow);
}

function withThoseBelow(directory: string): string[] {
  if (!existsSync(directory)) return [];
  try {
    const below = readdirSync(directory, { withFileTypes: true }).filter((entry) => entry.isDirectory());
    return [directory, ...below.flatMap((entry) => withThoseBelow(join(directory, entry.name)))];
  } catch {
    // It has just gone.
    return [];
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has just ended.
  }
}

function write(file: string, text: string): void {
  try {
    if (existsSync(file)) writeFileSync(file, text);
  } catch {
    // It has just gone.
  }
}
