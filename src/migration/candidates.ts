/**
 * Who may go where: what is known of the cnvms of this node, and what its peers say that they have room for, made into one
 * question for `mesh/placement.ts`. Invariant: what was given to a peer since it was asked is taken off its bid.
 */
import { messageOf } from '../base/errors.js';
import type { CnvmRecord, CnvmState } from '../cnvms/cnvm.js';
import { NO_WISHES } from '../cnvms/labels.js';
import type { NodeFacts } from '../mesh/node-facts.js';
import { type Bidder, type Fits, type Placement, place, type Seeker } from '../mesh/placement.js';
import { type Bid, type BidLink, without } from './bids.js';
import { residentOf } from './door.js';
import type { Mode } from './migration.js';
import { memoryNeed, type Question, refusals } from './negotiate.js';

/** A cnvm that is to go. */
export interface Candidate {
  readonly record: CnvmRecord;
  readonly mode: Mode;
  /** 0 in a cold move. */
  readonly memoryBytes: number;
  readonly diskBytes: number;
}

/** A peer that can be asked. */
export interface BiddingPeer {
  readonly name: string;
  readonly link: BidLink;
}

/** One round of asking. */
export interface Bids {
  /** By `performance.now()`, before anybody was asked. */
  readonly askedMs: number;
  readonly bids: ReadonlyMap<string, Bid>;
  /** Why there is none of these. */
  readonly silent: ReadonlyMap<string, string>;
}

/** A move that runs. */
export interface Given {
  readonly candidate: Candidate;
  readonly target: string;
  /** By `performance.now()`. */
  readonly begunMs: number;
}

export interface CandidatePorts {
  readonly stateOf: (record: CnvmRecord) => Promise<CnvmState>;
  readonly usage: (record: CnvmRecord) => Promise<{ readonly memoryBytes: number; readonly diskBytes: number }>;
}

/** A peer that does not answer in this time does not bid. */
const BID_MS = 2_000;

/** Never throws: of what cannot be measured the move itself says what is wrong. */
export async function candidateOf({ stateOf, usage }: CandidatePorts, record: CnvmRecord): Promise<Candidate> {
  try {
    const mode = (await stateOf(record)) === 'stopped' ? 'cold' : 'hot';
    const { memoryBytes, diskBytes } = await usage(record);
    return { record, mode, memoryBytes: mode === 'hot' ? memoryBytes : 0, diskBytes };
  } catch {
    return { record, mode: 'hot', memoryBytes: 0, diskBytes: 0 };
  }
}

/** Never throws: who does not answer is silent. */
export async function gatherBids(peers: readonly BiddingPeer[]): Promise<Bids> {
  const askedMs = performance.now();
  const bids = new Map<string, Bid>();
  const silent = new Map<string, string>();
  await Promise.all(
    peers.map(async ({ name, link }) => {
      try {
        bids.set(name, await link.bid({ timeoutMs: BID_MS }));
      } catch (error) {
        silent.set(name, messageOf(error));
      }
    }),
  );
  return { askedMs, bids, silent };
}

/** Why a bidder takes nobody for the moment. */
export function busyWords(node: string, { arriving, arrivalsMax }: Bid, askedMs: number, given: readonly Given[]) {
  const since = given.filter(({ target, begunMs }) => target === node && begunMs >= askedMs).length;
  const all = arriving + since;
  return all < arrivalsMax ? undefined : `${node} is busy: ${all} are on their way there, of ${arrivalsMax} at once`;
}

export interface PlaceOrder {
  readonly candidates: readonly Candidate[];
  readonly asked: Bids;
  readonly given: readonly Given[];
  readonly source: NodeFacts;
  readonly overlayNetwork: string;
  /** What else speaks against a node. */
  readonly against: Fits;
}

/** Where they would go, by what is known here; only a target's own answer counts. */
export function placeAll({ candidates, asked, given, source, overlayNetwork, against }: PlaceOrder): Placement {
  const byName = new Map(candidates.map((candidate) => [candidate.record.name, candidate]));
  const left = new Map([...asked.bids].map(([node, bid]) => [node, lessGiven(node, bid, given)]));
  const fits: Fits = (name, node) => {
    const [candidate, target] = [byName.get(name), left.get(node)];
    const can =
      candidate === undefined || target === undefined ? [] : cannot(candidate, source, target, overlayNetwork);
    return [...against(name, node), ...can];
  };
  const bidders = [...asked.bids].map(([node, bid]) => bidderOf(node, bid, left.get(node) ?? bid.facts, asked, given));
  return place(candidates.map(seekerOf), bidders, fits);
}

function lessGiven(node: string, { facts }: Bid, given: readonly Given[]): NodeFacts {
  const there = given.filter(({ target }) => target === node);
  // They land in its first zone.
  const landing = facts.landingZones[0]?.path ?? '';
  const held = there.map(({ candidate: { record, memoryBytes, diskBytes } }) => ({
    record: { ...record, landing },
    memoryBytes,
    diskBytes,
  }));
  return without(facts, held);
}

function seekerOf({ record: { name, wishes = NO_WISHES }, mode, memoryBytes, diskBytes }: Candidate): Seeker {
  const memoryNeedBytes = mode === 'hot' ? memoryNeed(memoryBytes, false) : 0;
  return { name, wishes, memoryBytes, memoryNeedBytes, diskBytes };
}

function bidderOf(node: string, bid: Bid, facts: NodeFacts, asked: Bids, given: readonly Given[]): Bidder {
  const busy = busyWords(node, bid, asked.askedMs, given);
  const known = new Set(bid.residents.map(({ name }) => name));
  const coming = given.filter(({ target, candidate }) => target === node && !known.has(candidate.record.name));
  return {
    node,
    refusals: [
      ...(facts.cordon === '' ? [] : [`${node} is cordoned: ${facts.cordon}`]),
      ...(busy === undefined ? [] : [busy]),
    ],
    memoryTotalBytes: facts.memoryTotalBytes,
    memoryAvailableBytes: facts.memoryAvailableBytes,
    diskAvailableBytes: facts.landingZones[0]?.availableBytes ?? 0,
    load: bid.load,
    residents: [...bid.residents, ...coming.map(({ candidate }) => residentOf(candidate.record))],
  };
}

/** Why it cannot be there at all, as its offer would be refused; what only the target knows is left to that. */
function cannot(candidate: Candidate, source: NodeFacts, target: NodeFacts, overlayNetwork: string): string[] {
  const question: Question = {
    ...candidate,
    ...{ postCopy: false, landing: target.landingZones[0]?.path ?? '', source, target, overlayNetwork },
    ...{ taken: { names: new Map(), addresses: new Map() }, busy: undefined, portsTaken: [] },
    image: { here: true, offered: true, bytes: 0, shortage: undefined },
  };
  return refusals(question);
}
