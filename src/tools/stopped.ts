/**
 * Processes that a signal has stopped, as by Ctrl-Z. Invariant: only those of a cgroup that is frozen are told to go on, and
 * not one of them runs a step before it is stopped again or dumped.
 */
import { fieldsOfStat, readIfThere } from '../base/proc.js';
import { processesIn } from './cgroup.js';

export interface Stopped {
  /** As the node numbers it. */
  readonly pid: number;
  /** As it numbers itself. */
  readonly inside: number;
}

/** Those of a cgroup, frozen or not. */
export function stoppedIn(cgroup: string): Stopped[] {
  return processesIn(cgroup)
    .filter(isStopped)
    .map((pid) => ({ pid, inside: Number(/^NSpid:.*?(\d+)$/m.exec(readIfThere(`/proc/${pid}/status`))?.[1] ?? pid) }));
}

/** Afterwards they go on when they are thawed. */
export function goOn(stopped: readonly Stopped[]): void {
  for (const { pid } of stopped) signal(pid, 'SIGCONT');
}

/** Afterwards they are stopped before their next step; of a SIGCONT that has not come through nothing is left. */
export function stop(stopped: readonly Stopped[]): void {
  for (const { pid } of stopped) signal(pid, 'SIGSTOP');
}

/** From Linux 6.1 on one that is frozen, too, looks like any other that is; where it waits is told all the same. */
function isStopped(pid: number): boolean {
  const [state] = fieldsOfStat(readIfThere(`/proc/${pid}/stat`)).rest;
  return state === 'T' || (state === 'D' && readIfThere(`/proc/${pid}/wchan`) === 'do_signal_stop');
}

function signal(pid: number, name: 'SIGCONT' | 'SIGSTOP'): void {
  try {
    process.kill(pid, name);
  } catch {
    // It has just been ended.
  }
}
