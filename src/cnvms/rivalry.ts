/** What is said, and refused, when another node claims a cnvm too. Pure. */
import { type CnvmError, refused } from '../base/errors.js';
import type { CnvmRecord } from './cnvm.js';
import type { Act } from './states.js';

/** Another node, and the epoch at which it claims the cnvm: not below ours. */
export interface Rival {
  readonly node: string;
  readonly epoch: number;
  /** Its copy runs, by its node's word, and that node is there. */
  readonly runs: boolean;
}

export function conflictText({ epoch }: CnvmRecord, rival: Rival): string {
  return rival.epoch > epoch
    ? `${rival.node} has it at epoch ${rival.epoch}: this copy, of epoch ${epoch}, is an old one`
    : `${rival.node} claims it at epoch ${rival.epoch} too: neither is started by itself`;
}

/** Why the copy on `node` is not to go on. */
export function rivalry(act: Act, { name, epoch }: CnvmRecord, rival: Rival, node: string): CnvmError {
  const old = rival.epoch > epoch;
  const claims = `${old ? 'has it' : 'claims it'} at epoch ${rival.epoch}${old ? '' : ' too'}`;
  const remedy = old
    ? `The copy on ${node}, of epoch ${epoch}, is an old one: cnvm rm removes it here, and nowhere else.`
    : `Look at both and remove one, with cnvm rm on its node. When ${rival.node} is lost, or stopped its copy, cnvm start --force ${name} makes ${node} the owner.`;
  return refused('state', `cannot ${act.replace('-', ' ')} ${name}: ${rival.node} ${claims}`, {
    location: rival.node,
    remedy,
  });
}

/** Why this node cannot be made the owner by force, if it cannot. */
export function forceRefusal({ name }: CnvmRecord, rival: Rival): CnvmError | undefined {
  if (!rival.runs) return undefined;
  return refused('state', `cannot start ${name} by force: it is not stopped on ${rival.node}`, {
    location: rival.node,
    remedy: `Stop that one first: cnvm stop ${name} on ${rival.node}.`,
  });
}
