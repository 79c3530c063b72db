/**
 * Who owns what, as far as this node has heard. Pure. Invariant: for one cnvm the highest epoch wins, whoever says it
 * and in whatever order; a node's word replaces everything it said before.
 */
import { addressRefusal } from '../cnvms/address.js';
import { nameRefusal } from '../cnvms/check-new.js';
import type { CnvmState } from '../cnvms/cnvm.js';

/** One cnvm that a node vouches for. */
export interface Holding {
  readonly name: string;
  readonly address: string;
  readonly epoch: number;
  /** The owner's word for its state. */
  readonly state: string;
  readonly image: string;
}

export interface Owned extends Holding {
  readonly node: string;
}

/** Everything each node said last. */
export type Heard = ReadonlyMap<string, readonly Holding[]>;

const STATES: readonly string[] = [
  'stopped',
  'running',
  'frozen',
  'arriving',
  'in-doubt',
  'removing',
] satisfies CnvmState[];
/** NAME@DIGEST. */
const IMAGE_MAX = 512;

/** Why a node's word cannot be taken, or undefined when it can. What it says becomes routes, and lines that people read. */
export function holdingsRefusal(holdings: readonly Holding[], network: string): string | undefined {
  const seen = new Set<string>();
  for (const { name, address, state, image } of holdings) {
    const why = nameRefusal(name) ?? addressRefusal(address, network);
    if (why !== undefined) return why;
    if (!STATES.includes(state) || image.length > IMAGE_MAX)
      return `${name} is in no state, or of no image, that there is`;
    if (seen.has(name) || seen.has(address)) return `${name} or its address ${address} is there twice`;
    seen.add(name).add(address);
  }
  return undefined;
}

/** The winner for each name. Equal epochs, which must not happen, go to the node first in the alphabet, everywhere. */
export function owners(heard: Heard): Map<string, Owned> {
  const winners = new Map<string, Owned>();
  for (const [node, holdings] of heard) {
    for (const holding of holdings) {
      const best = winners.get(holding.name);
      if (best === undefined || beats({ ...holding, node }, best)) winners.set(holding.name, { ...holding, node });
    }
  }
  return winners;
}

function beats(one: Owned, other: Owned): boolean {
  if (one.epoch !== other.epoch) return one.epoch > other.epoch;
  return one.node < other.node;
}

/** Names that two nodes claim at the same epoch, with the nodes. */
export function conflicts(heard: Heard): { name: string; epoch: number; nodes: string[] }[] {
  const claims = new Map<string, string[]>();
  for (const [node, holdings] of heard) {
    for (const { name, epoch } of holdings)
      claims.set(`${epoch} ${name}`, [...(claims.get(`${epoch} ${name}`) ?? []), node]);
  }
  return [...claims]
    .filter(([, nodes]) => nodes.length > 1)
    .map(([key, nodes]) => ({ name: key.split(' ')[1] ?? '', epoch: Number(key.split(' ')[0]), nodes: nodes.sort() }));
}
