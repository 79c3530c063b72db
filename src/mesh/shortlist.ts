/** Whom to ask of many, pure: in a large mesh a few bids are as good as all. */
import type { Card } from './swim/card.js';

/** More than ever take part in one evacuation; to dial a thousand for each move would be none. */
export const ASKED_MAX = 32;

/**
 * Those that are asked for bids. First who takes new work, then who runs the same programs, then who has more memory free; who
 * was never met comes last.
 */
export function shortlist<P extends { readonly name: string }>(
  peers: readonly P[],
  cardOf: (name: string) => Card | undefined,
  own: Pick<Card['facts'], 'architecture' | 'criuVersion' | 'runcVersion'>,
): P[] {
  const rank = (name: string): readonly number[] => {
    const card = cardOf(name);
    if (card === undefined) return [3, 0];
    const { architecture, criuVersion, runcVersion, memoryAvailableBytes } = card.facts;
    const same =
      architecture === own.architecture && criuVersion === own.criuVersion && runcVersion === own.runcVersion;
    return [card.cordoned ? 2 : same ? 0 : 1, -memoryAvailableBytes];
  };
  const ranked = peers.map((peer) => ({ peer, rank: rank(peer.name) }));
  ranked.sort((a, b) => {
    const [kindA = 0, freeA = 0] = a.rank;
    const [kindB = 0, freeB = 0] = b.rank;
    return kindA - kindB || freeA - freeB || (a.peer.name < b.peer.name ? -1 : 1);
  });
  return ranked.slice(0, ASKED_MAX).map(({ peer }) => peer);
}
