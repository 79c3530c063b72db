/** Whether what lies on a node is what a migration left there, or something that came later. Pure. */
import type { CnvmRecord } from '../cnvms/cnvm.js';

/**
 * Only a leftover may be cleared away.
 * @param current the node's record of that name now. @param epoch the last at which the migration knew it here.
 */
export function isLeftover(current: CnvmRecord | undefined, record: CnvmRecord, epoch: number): boolean {
  if (current === undefined) return true;
  // Of the same name and made at another time, it is another one.
  return current.createTime === record.createTime && current.epoch <= epoch;
}
