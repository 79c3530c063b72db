/**
 * What one node knows of the mesh. Invariant: the table never has more than `MEMBERS_MAX` members and `CLAIMS_MAX` claims; the
 * node itself is not in it. It is changed in place, as a copy for each message would cost the size of the mesh; what is done
 * to it follows from the events, the time and the random numbers alone. Pure.
 */
import type { Holding } from '../directory.js';
import { healthAfter } from './arithmetic.js';
import type { Card } from './card.js';
import type { ClaimMap } from './claims.js';
import { type Digested, hashOf } from './digest.js';
import { enqueue, type GossipQueue, newGossipQueue, unqueue } from './gossip-queue.js';
import { CLAIMS_MAX, MEMBERS_MAX, type Settings } from './settings.js';
import { newTimers, type Timers } from './timers.js';
import type { Liveness, MemberRecord, Message, Word } from './words.js';

export interface Member extends Digested {
  readonly name: string;
  state: Liveness;
  incarnation: number;
  card: Card;
  cardRevision: number;
  /** The revision of the card that it gave us itself; 0: we have only others' word for what it is. */
  cardSeen: number;
  claims: ClaimMap;
  claimsRevision: number;
  /** The revision of the claims that it gave us itself; 0: we have only others' word for what it owns. */
  claimsSeen: number;
  /** Since when it is in this state, by this node's clock. */
  since: number;
  suspicion: Suspicion | undefined;
}

export interface Suspicion {
  readonly startedAt: number;
  /** What it is taken for when nothing is heard of it. */
  readonly verdict: 'dead' | 'left';
  /** Who shares it; the first is who began it. */
  readonly by: string[];
  endsAt: number;
}

export interface Self {
  readonly name: string;
  incarnation: number;
  card: Card;
  cardRevision: number;
  claims: ClaimMap;
  claimsRevision: number;
  leaving: boolean;
}

/** Where a call goes: to a member of this name, or to whoever serves there. */
export interface Whom {
  readonly name: string | undefined;
  readonly endpoint: string;
}

export interface Call {
  readonly call: number;
  readonly to: Whom;
  readonly message: Message;
  readonly timeoutMs: number;
}

export type News =
  | { readonly kind: 'member'; readonly name: string; readonly before: Liveness | undefined; readonly now: Liveness }
  | { readonly kind: 'card'; readonly name: string }
  | { readonly kind: 'claims'; readonly name: string };

/** What a step asks of whoever drives the machine. */
export interface Output {
  readonly calls: Call[];
  readonly answers: { readonly ask: number; readonly message: Message }[];
  readonly news: News[];
}

export type Due =
  | { readonly kind: 'probe' | 'gossip' | 'sync' | 'reconnect' | 'forget' }
  | { readonly kind: 'suspicion'; readonly name: string };

export interface Probe {
  readonly target: string;
  /** Calls to those who were asked to reach it that have not ended. */
  open: number;
  asked: number;
  nacks: number;
  done: boolean;
}

export type Pending =
  | { readonly kind: 'direct' | 'indirect'; readonly probe: Probe }
  | { readonly kind: 'relay'; readonly ask: number; readonly target: string }
  | { readonly kind: 'digest'; readonly whom: Whom; readonly buckets: number }
  /** What was said, which nobody may have heard. */
  | { readonly kind: 'told'; readonly words: readonly Word[] };

export interface Swim {
  readonly settings: Settings;
  readonly random: () => number;
  readonly self: Self;
  readonly members: Map<string, Member>;
  /** Those who may be alive, in the order in which they are probed; who joins comes in anywhere. */
  readonly ring: string[];
  ringAt: number;
  /** Seeds and those remembered from before: tried for ever. */
  readonly known: Map<string, Whom>;
  readonly queue: GossipQueue;
  readonly pending: Map<number, Pending>;
  readonly timers: Timers<Due>;
  callCount: number;
  health: number;
  claimsTotal: number;
  /** Who is alive or suspected, and this node. */
  alive: number;
  gossipSet: boolean;
  /** Numbers of buckets as they were counted last; undefined since something has changed. */
  digests: readonly number[] | undefined;
  now: number;
  out: Output;
}

export interface SwimOptions {
  readonly settings: Settings;
  /** From 0 (inclusive) to 1. */
  readonly random: () => number;
  readonly card: Card;
  /** Grows from one life of the node to the next: its own clock's milliseconds. Where it does not, peers say so. */
  readonly revision: number;
  readonly claims: readonly Holding[];
  readonly known: readonly Whom[];
}

export function newSwim(options: SwimOptions): Swim {
  const { card, revision, claims } = options;
  return {
    settings: options.settings,
    random: options.random,
    self: {
      name: card.name,
      incarnation: 1,
      card,
      cardRevision: revision,
      claims: new Map(claims.map((holding) => [holding.name, holding])),
      claimsRevision: revision,
      leaving: false,
    },
    members: new Map(),
    ring: [],
    ringAt: 0,
    known: new Map(options.known.map((whom) => [whom.name ?? whom.endpoint, whom])),
    queue: newGossipQueue(),
    pending: new Map(),
    timers: newTimers(),
    callCount: 0,
    health: 0,
    claimsTotal: 0,
    alive: 1,
    gossipSet: false,
    digests: undefined,
    now: 0,
    out: emptyOutput(),
  };
}

export function emptyOutput(): Output {
  return { calls: [], answers: [], news: [] };
}

export const isUp = (state: Liveness): boolean => state === 'alive' || state === 'suspect';

/** A new member, or undefined when there is no room for one by others' word. @param met it has spoken to us itself. */
export function introduce(swim: Swim, record: MemberRecord, met: boolean): Member | undefined {
  const { members } = swim;
  if (members.size >= MEMBERS_MAX && !makeRoom(swim, met)) return undefined;
  const { name, state, incarnation, card, cardRevision } = record;
  const member: Member = {
    ...{ name, hash: hashOf(name), state, incarnation, card, cardRevision, cardSeen: met ? cardRevision : 0 },
    ...{ claims: new Map(), claimsRevision: 0, claimsSeen: 0, since: swim.now, suspicion: undefined },
  };
  members.set(name, member);
  swim.digests = undefined;
  if (isUp(state)) enter(swim, name);
  swim.out.news.push({ kind: 'member', name, before: undefined, now: state });
  return member;
}

/** Those whom we never met make room: first who is gone, and for one that we meet any. */
function makeRoom(swim: Swim, met: boolean): boolean {
  const strangers = [...swim.members.values()].filter(({ cardSeen }) => cardSeen === 0);
  const goes = strangers.find(({ state }) => !isUp(state)) ?? (met ? strangers[0] : undefined);
  if (goes === undefined) return false;
  forget(swim, goes);
  return true;
}

export function forget(swim: Swim, member: Member): void {
  if (isUp(member.state)) exit(swim, member.name);
  swim.claimsTotal -= member.claims.size;
  swim.members.delete(member.name);
  swim.digests = undefined;
  unqueue(swim.queue, member.name);
}

function enter(swim: Swim, name: string): void {
  const { ring } = swim;
  swim.alive += 1;
  const at = Math.floor(swim.random() * (ring.length + 1));
  ring.push(name);
  const other = ring[at] ?? name;
  ring[ring.length - 1] = other;
  ring[at] = name;
}

function exit(swim: Swim, name: string): void {
  const at = swim.ring.indexOf(name);
  if (at >= 0) {
    swim.alive -= 1;
    swim.ring.splice(at, 1);
    if (at < swim.ringAt) swim.ringAt -= 1;
  }
}

/** Afterwards it is in this state, whatever it was, and no suspicion of it runs. */
export function setState(swim: Swim, member: Member, state: Liveness, incarnation: number): void {
  const before = member.state;
  if (member.incarnation !== incarnation || isUp(before) !== isUp(state)) swim.digests = undefined;
  member.incarnation = incarnation;
  member.suspicion = undefined;
  if (before === state) return;
  member.state = state;
  member.since = swim.now;
  if (isUp(state) && !isUp(before)) enter(swim, member.name);
  if (!isUp(state) && isUp(before)) exit(swim, member.name);
  swim.out.news.push({ kind: 'member', name: member.name, before, now: state });
}

/** Whether there is room for so many claims more. */
export function hasRoom(swim: Swim, more: number): boolean {
  return swim.claimsTotal + more <= CLAIMS_MAX;
}

export function spread(swim: Swim, word: Word): void {
  // Also while nobody is there: who is met in this moment may have compared with what was before.
  enqueue(swim.queue, word);
}

export function feel(swim: Swim, change: number): void {
  swim.health = healthAfter(swim.health, change);
}

/** Members that may be alive, at random, at most so many; not those of `but`. */
export function pickUp(swim: Swim, count: number, but: readonly string[] = []): Member[] {
  const { ring, random } = swim;
  const picked = new Set<string>();
  // Tries instead of a shuffle: the ring may be long and the count is small.
  for (let tries = 0; tries < 4 * count + but.length && picked.size < count; tries += 1) {
    const name = ring[Math.floor(random() * ring.length)];
    if (name !== undefined && !but.includes(name)) picked.add(name);
  }
  return [...picked].flatMap((name) => swim.members.get(name) ?? []);
}

export function recordOf(member: Member): MemberRecord {
  const { name, state, incarnation, cardRevision, card, claimsRevision } = member;
  return { name, state, incarnation, cardRevision, card, claimsRevision, claims: [...member.claims.values()] };
}

export function ownRecord({ self }: Swim): MemberRecord {
  const { name, incarnation, cardRevision, card, claimsRevision } = self;
  const state = self.leaving ? 'left' : 'alive';
  return { name, state, incarnation, cardRevision, card, claimsRevision, claims: [...self.claims.values()] };
}
