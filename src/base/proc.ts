/**
 * Files of the kernel's own, such as those of /proc, that may go while somebody looks. Invariant: only read; what has gone, or
 * was never there, is empty.
 */
import { readFileSync } from 'node:fs';

/** Its text, or none. */
export function readIfThere(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

/** @param stat as of proc(5): a number, a name in parentheses, which may hold anything, and the rest, one space between two. */
export function fieldsOfStat(stat: string): { readonly name: string; readonly rest: readonly string[] } {
  const end = stat.lastIndexOf(')');
  return { name: stat.slice(stat.indexOf('(') + 1, end), rest: stat.slice(end + 2).split(' ') };
}

/** When the process has started, in the kernel's ticks since it did so itself, by the reader's clocks; empty when there is none. */
export function startOfStat(stat: string): string {
  // Of proc(5) it is the 22nd field, and the rest begins with the third.
  return fieldsOfStat(stat).rest[22 - 3] ?? '';
}
