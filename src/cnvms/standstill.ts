/**
 * A cnvm that stands still, or is slowed down. Invariant: while it is frozen no packet reaches it and none leaves it; only a
 * thaw lets it run on, and then as it did.
 */
import { cpuTimeMs, processesIn, stopProcessesIn, thawProcessesIn } from '../tools/cgroup.js';
import type { Runc } from '../tools/runc.js';
import type { CnvmRecord } from './cnvm.js';
import { releaseHold } from './hold.js';
import type { Machine } from './machine.js';
import type { NetworkPort } from './network-port.js';
import { readyStopped, stopAgain } from './stopped.js';
import { throttle, unthrottle } from './throttle.js';

export interface StandstillOptions {
  readonly runc: Runc;
  readonly network: NetworkPort;
  readonly cgroupOf: (record: CnvmRecord) => string;
  /** Where criu works. */
  readonly workOf: (record: CnvmRecord) => string;
  readonly holdOf: (record: CnvmRecord) => string;
}

export type Standstill = Pick<Machine, 'freeze' | 'thaw' | 'cpuMs' | 'throttle' | 'unthrottle'>;

/**
 * What `look` sees of a cgroup that stands still for that moment: no process of it is in the middle of a system call, such as a
 * write. Undefined when they do not stop.
 */
export async function atStandstill<T>(cgroup: string, look: () => T): Promise<T | undefined> {
  if (processesIn(cgroup).length === 0) return look();
  try {
    await stopProcessesIn(cgroup);
  } catch {
    return undefined;
  }
  try {
    return look();
  } finally {
    thawProcessesIn(cgroup);
  }
}

export function createStandstill({ runc, network, cgroupOf, workOf, holdOf }: StandstillOptions): Standstill {
  return {
    async freeze(record) {
      // In this order: what a process sends must not be lost to the filter, or its peer waits for it to be sent again.
      await stopProcessesIn(cgroupOf(record));
      await readyStopped(cgroupOf(record), workOf(record));
      await network.close(record.address);
    },

    async thaw(record) {
      await releaseHold(holdOf(record));
      runc.clearDumpMarker(record.name);
      await network.open(record.address);
      stopAgain(cgroupOf(record), workOf(record));
      await runc.resume(record.name);
      // The last: to go on slowly is better than not at all.
      unthrottle(cgroupOf(record), record.limits);
    },

    cpuMs: async (record) => cpuTimeMs(cgroupOf(record)),
    throttle: async (record, cpuMillis) => throttle(cgroupOf(record), record.limits, cpuMillis),
    unthrottle: async (record) => unthrottle(cgroupOf(record), record.limits),
  };
}
