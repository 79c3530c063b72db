/** Which of a cnvm's processes came from outside its own init, such as a command that `cnvm exec` runs. */
import { readFileSync } from 'node:fs';
import { hasErrno } from '../base/errors.js';
import { fieldsOfStat } from '../base/proc.js';

interface Process {
  readonly pid: number;
  readonly parent: number;
  readonly command: string;
}

/**
 * Each process that does not descend from init, as a sentence: it hangs on the node and cannot move.
 * @param pids all processes of the cnvm, as the node numbers them.
 */
export function foreignCommands(init: number, pids: readonly number[]): { pid: number; words: string }[] {
  const processes = pids.map(readProcess).filter((process) => process !== undefined);
  return foreignOf(init, processes).map(({ pid, command }) => ({
    pid,
    words: `a command started from the node runs in it (${command}, process ${pid})`,
  }));
}

/** Pure: the processes whose chain of parents does not lead to init. */
export function foreignOf(init: number, processes: readonly Process[]): Process[] {
  const parents = new Map(processes.map((process) => [process.pid, process.parent]));
  const descends = (pid: number): boolean => {
    const parent = parents.get(pid);
    return pid === init || (parent !== undefined && descends(parent));
  };
  return processes.filter((process) => !descends(process.pid));
}

function readProcess(pid: number): Process | undefined {
  try {
    const { name, rest } = fieldsOfStat(readFileSync(`/proc/${pid}/stat`, 'utf8'));
    return { pid, parent: Number(rest[1]), command: name };
  } catch (error) {
    if (hasErrno(error, 'ENOENT') || hasErrno(error, 'ESRCH')) return undefined;
    throw error;
  }
}
