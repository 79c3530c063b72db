/**
 * What nodes wrongly take each other for. Invariant: only what is said of a node counts that is up and can be reached, and has
 * been for longer than news of it need.
 */
import type { SimNode, World } from './world.js';

/** Who has come back, or can be reached again, is known to be there by then. */
const HEARD_MS = 15_000;

export interface Mistakes {
  /** Times that a node took another one for dead. */
  deaths: number;
  /** And suspected it. */
  suspicions: number;
}

/** @returns counts that grow from now on. */
export function watchMistakes(world: World): Mistakes {
  const mistakes: Mistakes = { deaths: 0, suspicions: 0 };
  const byName = new Map(world.nodes.map((node) => [node.name, node]));
  world.onOutput((node, { news }) => {
    for (const one of news) {
      const of = one.kind === 'member' ? byName.get(one.name) : undefined;
      if (one.kind !== 'member' || of === undefined || !isThere(world, node, of)) continue;
      if (one.now === 'dead') mistakes.deaths += 1;
      else if (one.now === 'suspect') mistakes.suspicions += 1;
    }
  });
  return mistakes;
}

function isThere(world: World, from: SimNode, to: SimNode): boolean {
  const since = Math.max(from.reachedSince, to.reachedSince);
  return to.swim !== undefined && from.group === to.group && world.now() - since >= HEARD_MS;
}
