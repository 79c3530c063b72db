/**
 * Whether this node may run what it has a record of. Invariant: the highest epoch wins, everywhere; of two claims at one epoch,
 * which must not happen, neither is started by itself. Pure.
 */
import type { Holding } from './directory.js';

/**
 * - `ours`: nobody says otherwise.
 * - `elsewhere`: another node has it at a higher epoch; ours is an old copy.
 * - `contested`: another node has it at the same epoch.
 */
export type Standing = { readonly kind: 'ours' } | ({ readonly kind: 'elsewhere' | 'contested' } & Claim);

export interface Claim {
  readonly node: string;
  readonly epoch: number;
  /** By its word, while it is there to be asked. */
  readonly runs: boolean;
}

/** @param others what other nodes claim of this cnvm. */
export function standingOf(own: Pick<Holding, 'epoch'>, others: Iterable<Claim>): Standing {
  let best: Claim | undefined;
  for (const claim of others)
    if (best === undefined || claim.epoch > best.epoch || (claim.epoch === best.epoch && claim.node < best.node))
      best = claim;
  if (best === undefined || best.epoch < own.epoch) return { kind: 'ours' };
  return { kind: best.epoch > own.epoch ? 'elsewhere' : 'contested', ...best };
}
