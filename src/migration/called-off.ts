/**
 * Offers that were called off before they were taken: who calls off may be quicker than the answer to what it offered.
 * Invariant: it takes so much memory for each peer and no more; of a peer's the oldest are forgotten first.
 */

/** A source has but a few offers on the way to one target at once. */
const KEPT_OF_A_PEER = 64;

export function createCalledOff() {
  const byPeer = new Map<string, Set<string>>();
  return {
    /** @param from who has called it off. */
    add(migration: string, from: string): void {
      const known = byPeer.get(from) ?? new Set();
      byPeer.set(from, known.add(migration));
      for (const oldest of known) {
        if (known.size <= KEPT_OF_A_PEER) break;
        known.delete(oldest);
      }
    },
    has: (migration: string, from: string): boolean => byPeer.get(from)?.has(migration) ?? false,
  };
}
