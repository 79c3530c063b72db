/**
 * Who owns what, as far as this node has heard. Pure. Invariant: for one cnvm the highest epoch wins, whoever says it
 * and in whatever order; a node's word replaces everything it said before.
 */

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
