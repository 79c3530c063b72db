/** What may be done to a cnvm in which state, as a table. Pure. */
import type { CnvmState } from './cnvm.js';

export type Act = 'start' | 'stop' | 'remove' | 'exec' | 'migrate-hot' | 'migrate-cold' | 'snapshot';

const LEGAL: Readonly<Record<CnvmState, readonly Act[]>> = {
  stopped: ['start', 'stop', 'remove', 'migrate-cold', 'snapshot'],
  running: ['start', 'stop', 'exec', 'migrate-hot', 'migrate-cold', 'snapshot'],
  frozen: [],
  arriving: [],
  'in-doubt': [],
  removing: ['remove'],
};

const WHY: Readonly<Record<CnvmState, string>> = {
  stopped: 'it is stopped',
  running: 'it is running',
  frozen: 'it is being handed over',
  arriving: 'it is on its way here and a peer still owns it',
  'in-doubt': 'it was handed to a peer that has not said whether it took it',
  removing: 'it is being removed',
};

/** Why this may not be done now, or undefined when it may. */
export function illegal(act: Act, state: CnvmState): string | undefined {
  return LEGAL[state].includes(act) ? undefined : WHY[state];
}
