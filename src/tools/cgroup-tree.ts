/** Control groups, in every hierarchy that is mounted. Invariant: only empty ones are removed; the kernel holds that, too. */
import { existsSync, readdirSync, readFileSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';

export interface Cgroup {
  readonly name: string;
  /** A process is in it, or in one below it. */
  readonly populated: boolean;
}

/** The groups right below `parent`, a path from the root of the hierarchies. */
export function findCgroups(parent: string): Cgroup[] {
  const names = new Set(hierarchies().flatMap((root) => childrenOf(join(root, parent))));
  return [...names].map((name) => ({
    name,
    populated: hierarchies().some((root) => isPopulated(join(root, parent, name))),
  }));
}

/** Afterwards it is gone from every hierarchy. @throws when a process has come into it. */
export async function removeCgroup(parent: string, name: string): Promise<void> {
  for (const root of hierarchies()) removeEmpty(join(root, parent, name));
}

function hierarchies(): string[] {
  return readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .filter((line) => / - cgroup2? /.test(line))
    .map((line) => line.split(' ')[4] ?? '');
}

function childrenOf(path: string): string[] {
  if (!existsSync(path)) return [];
  return readdirSync(path, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name);
}

function isPopulated(path: string): boolean {
  if (!existsSync(path)) return false;
  if (readFileSync(join(path, 'cgroup.procs'), 'utf8') !== '') return true;
  return childrenOf(path).some((name) => isPopulated(join(path, name)));
}

function removeEmpty(path: string): void {
  if (!existsSync(path)) return;
  for (const name of childrenOf(path)) removeEmpty(join(path, name));
  rmdirSync(path);
}
