/** What this node shows of a cnvm of another one: what its owner told, and nothing that only the owner can see. Pure. */
import { uidBase } from '../cnvms/address.js';
import type { CnvmView } from '../cnvms/cnvm.js';
import type { Owned } from './directory.js';

/** @param claimants all that claim it, when there are several at its epoch. */
export function viewOf(owned: Owned, claimants: readonly string[] = []): CnvmView {
  const [name = '', digest = ''] = owned.image.split('@');
  return {
    record: {
      name: owned.name,
      address: owned.address,
      image: { name, digest },
      limits: { memoryBytes: 0, cpuMillis: 0, pids: 0 },
      createTime: '',
      epoch: owned.epoch,
      owner: owned.node,
      landing: '',
      wanted: 'running',
    },
    state: owned.state as CnvmView['state'],
    pid: 0,
    memoryBytes: 0,
    diskBytes: 0,
    directory: '',
    uidBase: uidBase(owned.address),
    conflict: claimants.length === 0 ? '' : `${claimants.join(' and ')} claim it at epoch ${owned.epoch}`,
  };
}
