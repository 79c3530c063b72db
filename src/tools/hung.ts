/**
 * A criu that hangs in the middle of a dump, and holds the processes. Invariant: it is never killed; what it waits for is
 * interrupted the way its own alarm does it, and it rolls back then. One that works, however slowly, is left alone: criu
 * ends itself when it has not rolled back 6 s after such an alarm (`alarm_handler` in its cr-dump.c).
 */
import { constants } from 'node:os';
import { fieldsOfStat, readIfThere } from '../base/proc.js';

/** By process: what it has used of the CPU, in the kernel's ticks. */
export type CpuUse = ReadonlyMap<number, number>;

interface Program {
  readonly pid: number;
}

export function cpuUse(programs: readonly Program[]): CpuUse {
  return new Map(programs.map(({ pid }) => [pid, ticksOf(pid)]));
}

/** Interrupts those that have done nothing since, whoever may have stopped them. */
export function interruptHung(programs: readonly Program[], before: CpuUse): void {
  for (const { pid } of programs) {
    if (before.get(pid) !== ticksOf(pid) || !catchesAlarm(pid)) continue;
    signal(pid, 'SIGALRM');
    signal(pid, 'SIGCONT');
  }
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // It has just ended.
  }
}

/** Fields 14 and 15 of proc(5)'s "stat", the third being the first behind the name; 0 when it has gone. */
function ticksOf(pid: number): number {
  const { rest } = fieldsOfStat(readIfThere(`/proc/${pid}/stat`));
  return Number(rest[11] ?? 0) + Number(rest[12] ?? 0);
}

/** Without a handler it would die of it. "SigCgt" of proc(5) has a bit for each signal, from 1 on. */
function catchesAlarm(pid: number): boolean {
  const mask = /^SigCgt:\s*([0-9a-f]+)$/m.exec(readIfThere(`/proc/${pid}/status`))?.[1] ?? '0';
  return ((BigInt(`0x${mask}`) >> BigInt(constants.signals.SIGALRM - 1)) & 1n) === 1n;
}
