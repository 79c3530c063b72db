/**
 * What a node has room for, as it tells one that is being evacuated. Invariant: what was promised to others is taken off; what
 * was promised to the asker is not, as that one knows it better.
 */
import { availableParallelism, loadavg } from 'node:os';
import { landingZoneOf } from '../cnvms/check-new.js';
import type { NodeFacts } from '../mesh/node-facts.js';
import type { Resident } from '../mesh/placement.js';
import type { Coming, Door } from './door.js';

export interface Bid {
  /** Memory and disk less what was promised. */
  readonly facts: NodeFacts;
  /** On their way there. */
  readonly arriving: number;
  readonly arrivalsMax: number;
  /** Processes that ran or wanted to in the last minute, for each CPU. */
  readonly load: number;
  readonly residents: readonly Resident[];
}

/** What a node that is being evacuated asks of a peer. */
export interface BidLink {
  /** One that is too old to bid is taken by its facts alone. @throws when it does not answer. */
  bid(call: { timeoutMs: number }): Promise<Bid>;
}

export interface BiddingPorts {
  readonly facts: () => Promise<NodeFacts>;
  readonly door: Door;
  readonly coming: () => readonly Coming[];
}

/** @returns this node's bid. @param from who asks. */
export async function bidFor({ facts, door, coming }: BiddingPorts, from: string): Promise<Bid> {
  const all = coming();
  const promised = all.filter((one) => one.from !== from);
  return {
    facts: without(await facts(), promised),
    arriving: all.length,
    arrivalsMax: door.arrivalsMax,
    load: (loadavg()[0] ?? 0) / availableParallelism(),
    residents: door.residents(all),
  };
}

/** The facts, less what those hold when they are there. */
export function without(facts: NodeFacts, promised: readonly Omit<Coming, 'from'>[]): NodeFacts {
  const zones = facts.landingZones.map(({ path }) => path);
  const inZone = (path: string) => promised.filter(({ record }) => landingZoneOf(record.landing, zones) === path);
  const memoryBytes = promised.reduce((sum, one) => sum + one.memoryBytes, 0);
  return {
    ...facts,
    memoryAvailableBytes: Math.max(0, facts.memoryAvailableBytes - memoryBytes),
    landingZones: facts.landingZones.map(({ path, availableBytes }) => ({
      path,
      availableBytes: Math.max(0, availableBytes - inZone(path).reduce((sum, one) => sum + one.diskBytes, 0)),
    })),
  };
}
