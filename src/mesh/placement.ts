/**
 * Where each of many cnvms is to go, pure. Invariant: the answer follows from what is said here and not from its order; no
 * cnvm is sent to a node that has no room for it, that takes nothing, that has refused it, or against anybody's
 * anti-affinity; each that is sent nowhere has its reasons.
 */
import { wholeMibFigure } from '../base/figures.js';
import { isMeant, type Wishes } from '../cnvms/labels.js';

/** A cnvm that looks for a place. */
export interface Seeker {
  readonly name: string;
  readonly wishes: Wishes;
  /** What it holds when it is there. */
  readonly memoryBytes: number;
  /** What must be free for it to come: while it moves it may need more. */
  readonly memoryNeedBytes: number;
  readonly diskBytes: number;
}

/** A node that may take some. */
export interface Bidder {
  readonly node: string;
  /** Why it takes nothing, each a sentence. */
  readonly refusals: readonly string[];
  readonly memoryTotalBytes: number;
  readonly memoryAvailableBytes: number;
  /** In the landing zone where they would come. */
  readonly diskAvailableBytes: number;
  /** Processes that run or want to, for each CPU. */
  readonly load: number;
  /** Those that are there or on their way there. */
  readonly residents: readonly Resident[];
}

export interface Resident {
  readonly name: string;
  readonly wishes: Wishes;
}

export interface Placement {
  /** The node of each that has a place. */
  readonly places: ReadonlyMap<string, string>;
  /** Why each of the others has none: a sentence for each node. */
  readonly stay: ReadonlyMap<string, readonly string[]>;
}

/** Why a node cannot take this one, whoever else comes; none when it can. */
export type Fits = (seeker: string, node: string) => readonly string[];

/** A bidder with what has been given to it. */
interface Place {
  readonly bidder: Bidder;
  memoryLeft: number;
  diskLeft: number;
  readonly company: Resident[];
}

/** Larger ones first: what is small fits in what is left. */
export function place(seekers: readonly Seeker[], bidders: readonly Bidder[], fits: Fits): Placement {
  const all = [...bidders].sort((a, b) => compare(a.node, b.node)).map(openPlace);
  const inOrder = [...seekers].sort((a, b) => b.memoryNeedBytes - a.memoryNeedBytes || compare(a.name, b.name));
  const places = new Map<string, string>();
  const stay = new Map<string, readonly string[]>();
  for (const seeker of inOrder) {
    const whyNot = new Map(all.map((one) => [one, refusalsOf(seeker, one, fits)]));
    const open = all.filter((one) => whyNot.get(one)?.length === 0);
    const best = open.sort((a, b) => rank(seeker, a, b))[0];
    if (best === undefined) {
      stay.set(seeker.name, all.length === 0 ? ['no peer can be asked'] : all.flatMap((one) => whyNot.get(one) ?? []));
      continue;
    }
    best.memoryLeft -= seeker.memoryBytes;
    best.diskLeft -= seeker.diskBytes;
    best.company.push(seeker);
    places.set(seeker.name, best.bidder.node);
  }
  return { places, stay };
}

function openPlace(bidder: Bidder): Place {
  return {
    bidder,
    memoryLeft: bidder.memoryAvailableBytes,
    diskLeft: bidder.diskAvailableBytes,
    company: [...bidder.residents],
  };
}

/** By code units: the same in every language. */
const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

function refusalsOf(seeker: Seeker, { bidder, memoryLeft, diskLeft, company }: Place, fits: Fits): string[] {
  const { node } = bidder;
  const room = (what: string, need: number, left: number) =>
    need <= left
      ? []
      : [
          `not enough ${what} on ${node} beside the others: ${wholeMibFigure(need)} needed, ${wholeMibFigure(left)} left`,
        ];
  return [
    ...bidder.refusals,
    ...fits(seeker.name, node),
    ...room('memory', seeker.memoryNeedBytes, memoryLeft),
    ...room('disk', seeker.diskBytes, diskLeft),
    ...companyRefusals(seeker, node, company),
  ];
}

/** Why it cannot be beside these on one node, by its own word or by theirs. */
export function companyRefusals({ name, wishes }: Resident, node: string, company: readonly Resident[]): string[] {
  const unwanted = company.find((one) => one.name !== name && isMeant(one.wishes.labels, wishes.antiAffinity));
  const unwilling = company.find((one) => one.name !== name && isMeant(wishes.labels, one.wishes.antiAffinity));
  return [
    ...(unwanted === undefined ? [] : [`${name} is not to be beside ${unwanted.name}, which is on ${node}`]),
    ...(unwilling === undefined ? [] : [`${unwilling.name}, which is on ${node}, is not to be beside ${name}`]),
  ];
}

/** Beyond it a node that is busy gets no worse. */
const LOAD_MAX = 2;
/** So that many small ones spread over nodes that are otherwise alike. */
const EACH = 0.1;

/** Negative when `a` is the better place: company that is wanted first, then what is free. */
function rank(seeker: Seeker, a: Place, b: Place): number {
  const alone = ({ company }: Place) =>
    Number(!company.some((one) => isMeant(one.wishes.labels, seeker.wishes.affinity)));
  return alone(a) - alone(b) || costOf(seeker, a) - costOf(seeker, b) || compare(a.bidder.node, b.bidder.node);
}

/** The less, the better: memory in use and load as fractions of what there is, and how many are there. */
function costOf({ memoryBytes }: Seeker, { bidder, memoryLeft, company }: Place): number {
  const full = 1 - Math.max(0, memoryLeft - memoryBytes) / Math.max(1, bidder.memoryTotalBytes);
  return full + Math.min(LOAD_MAX, bidder.load) + EACH * company.length;
}
