/** What the benchmark measures in its lab, case by case, pure. */
import { IDLE, type Load } from './load.js';

export interface Case {
  readonly load: Load;
  /** Whether podman and the shell pipeline move the same, in turn with us. */
  readonly beside: boolean;
}

const SIZES_MIB = [16, 256, 1024];
const RATES_MIB_PER_S = [0, 1, 10, 50];
const PROCESSES = [1, 20];

/** The least that compares: what a user sees, and whether it grows with memory. */
export const QUICK_CASES: readonly Case[] = [
  { load: IDLE, beside: true },
  { load: { mib: 256, dirtyMibPerS: 0, processes: 1 }, beside: true },
];

/** What `--case` names: "idle", or MIB:RATE:PROCESSES. @returns undefined when it is neither. */
export function caseOf(text: string): Case | undefined {
  if (text === 'idle') return { load: IDLE, beside: true };
  const match = /^([1-9]\d{0,4}):(\d{1,4}):([1-9]\d{0,2})$/.exec(text);
  if (match === null) return undefined;
  const [mib = 0, dirtyMibPerS = 0, processes = 0] = match.slice(1).map(Number);
  return { load: { mib, dirtyMibPerS, processes }, beside: dirtyMibPerS === 0 && processes === 1 };
}

export const CASES: readonly Case[] = [
  { load: IDLE, beside: true },
  ...SIZES_MIB.flatMap((mib) =>
    RATES_MIB_PER_S.flatMap((dirtyMibPerS) =>
      PROCESSES.map((processes) => ({
        load: { mib, dirtyMibPerS, processes },
        beside: dirtyMibPerS === 0 && processes === 1,
      })),
    ),
  ),
];
