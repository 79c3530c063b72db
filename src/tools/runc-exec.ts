/**
 * The way in for a command that is run in a container beside what runs there. Invariant: the command has the clocks of the
 * container's init; criu dumps no two kinds of clocks in one container.
 */
import { readlinkSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { readFileIfAny, writeFileAtomic } from '../base/atomic-file.js';
import { hasErrno } from '../base/errors.js';
import { readIfThere, startOfStat } from '../base/proc.js';
import { run } from './run.js';

export interface WayIn {
  /** Where runc finds its state. */
  readonly root: string;
  /** What runc is run by; nothing: by itself. */
  readonly through: readonly string[];
}

const STATE = 'state.json';
/** In runc's directory of the container, and gone with it. */
const ENTERED = 'entered';

/**
 * What criu restores has a time namespace, so that its clocks go on from where they were, and runc 1.1 knows of none. To run
 * runc in it is not enough: by other clocks its init began at another time, and that is how runc knows it from another
 * process of the same number. So it gets a state of its own, with the time that it will see.
 * @param root runc's own state root.
 */
export async function wayInto(root: string, id: string): Promise<WayIn> {
  const plain = { root, through: [] };
  const state = (await readFileIfAny(join(root, id, STATE))) ?? '';
  const pid = /"init_process_pid":(\d+)/.exec(state)?.[1] ?? '';
  const start = /"init_process_start":(\d+)/.exec(state)?.[1];
  const stat = `/proc/${pid}/stat`;
  const clocks = `/proc/${pid}/ns/time`;
  // One that has ended: runc says so, and better.
  if (start === undefined || startOfStat(readIfThere(stat)) !== start || hasOurClocks(clocks)) return plain;
  const through = ['nsenter', '--no-fork', `--time=${clocks}`];
  const there = startOfStat((await run([...through, 'cat', stat])).stdout);
  const own = join(root, id, ENTERED);
  for (const directory of [own, join(own, id)]) await makeIn(directory);
  // As text: among its numbers are some that JavaScript's cannot hold.
  await writeFileAtomic(join(own, id, STATE), state.replace(/("init_process_start":)\d+/, `$1${there}`));
  return { root: own, through };
}

/** Never the directory around it: one that was ended meanwhile would be there again, and could not be made anew. */
async function makeIn(directory: string): Promise<void> {
  try {
    await mkdir(directory, { mode: 0o700 });
  } catch (error) {
    if (!hasErrno(error, 'EEXIST')) throw error;
  }
}

/** Also where the kernel knows of no such namespaces. */
function hasOurClocks(clocks: string): boolean {
  try {
    return readlinkSync(clocks) === readlinkSync('/proc/self/ns/time');
  } catch {
    return true;
  }
}
