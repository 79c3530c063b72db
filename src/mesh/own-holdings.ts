/** What this node says that it owns: what lies here, and what comes here. */
import type { CnvmRecord } from '../cnvms/cnvm.js';
import type { Store } from '../cnvms/store.js';
import type { Holding } from './directory.js';
import type { Claims } from './ownership.js';

export function holdingsOf(store: Pick<Store, 'all' | 'get'>, claims: Claims): Holding[] {
  const coming = [...claims.values()].filter(({ name }) => store.get(name) === undefined);
  return [...store.all().map((record) => holdingOf(record)), ...coming.map((record) => holdingOf(record, 'arriving'))];
}

function holdingOf(record: CnvmRecord, state: Holding['state'] = record.wanted): Holding {
  const { name, address, epoch, image } = record;
  return { name, address, epoch, state, image: `${image.name}@${image.digest}` };
}
