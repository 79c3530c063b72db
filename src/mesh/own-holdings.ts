/** What this node vouches for: what it has a record of, and what is on its way here. Pure. */
import type { CnvmRecord } from '../cnvms/cnvm.js';
import type { Holding } from './directory.js';

/** @param coming what is claimed before its record is written; of what has one already, the record counts. */
export function ownHoldings(records: readonly CnvmRecord[], coming: Iterable<CnvmRecord>): Holding[] {
  const here = new Set(records.map(({ name }) => name));
  const arriving = [...coming].filter(({ name }) => !here.has(name));
  return [...records.map((one) => holdingOf(one, one.wanted)), ...arriving.map((one) => holdingOf(one, 'arriving'))];
}

function holdingOf({ name, address, epoch, image }: CnvmRecord, state: Holding['state']): Holding {
  return { name, address, epoch, state, image: `${image.name}@${image.digest}` };
}
