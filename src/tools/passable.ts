/** Whether a user of this machine that is nobody in particular may pass through directories. */
import { statSync } from 'node:fs';
import { dirname } from 'node:path';

const PASS_OTHERS = 0o001;

/** The uppermost directory, of those that are there, that lets only some pass on the way to `path` and into it; undefined: all may. */
export function closedOnTheWay(path: string): string | undefined {
  const above = dirname(path) === path ? undefined : closedOnTheWay(dirname(path));
  if (above !== undefined) return above;
  const found = statSync(path, { throwIfNoEntry: false });
  return found === undefined || (found.mode & PASS_OTHERS) !== 0 ? undefined : path;
}
