/** A cnvm's share of the CPU while it is slowed down. Invariant: it is never given more than its own limit. */
import { cpuLimited, limitCpu } from '../tools/cgroup.js';
import { CPU_PERIOD_US, cpuQuotaUs } from './bundle.js';
import type { Limits } from './cnvm.js';

/** The kernel takes no quota below 1 ms a period. */
const CPU_MILLIS_MIN = 10;

/** Afterwards it has `cpuMillis` thousandths of a CPU. @throws when CPU time cannot be limited there. */
export function throttle(cgroup: string, limits: Limits, cpuMillis: number): void {
  const most = limits.cpuMillis === 0 ? Number.POSITIVE_INFINITY : limits.cpuMillis;
  limitCpu(cgroup, CPU_PERIOD_US, cpuQuotaUs(Math.min(most, Math.max(CPU_MILLIS_MIN, Math.round(cpuMillis)))));
}

/** Afterwards it has what its limits say. Where CPU time cannot be limited it has that already. */
export function unthrottle(cgroup: string, limits: Limits): void {
  if (!cpuLimited(cgroup)) return;
  limitCpu(cgroup, CPU_PERIOD_US, limits.cpuMillis === 0 ? undefined : cpuQuotaUs(limits.cpuMillis));
}
