/**
 * Membership as a state machine: SWIM with Lifeguard, see `README.md`. Invariant: what a step does follows from the state, the
 * event, the time and the random numbers alone; the state is changed in place. Pure.
 */
import type { Holding } from '../directory.js';
import { patient, retransmissions } from './arithmetic.js';
import type { Card } from './card.js';
import { applyClaims, claimsChange } from './claims.js';
import { compareWith, compareWithAny, differences, lostOne, tellBack } from './compare.js';
import { tryAgain } from './gossip-queue.js';
import { spreadOwnCard, suspicionEnds } from './hear.js';
import { directEnds, indirectEnds, probeNext, relay } from './probe.js';
import { GOSSIP_FANOUT } from './settings.js';
import {
  type Due,
  emptyOutput,
  forget,
  type Output,
  ownRecord,
  type Pending,
  pickUp,
  type Swim,
  spread,
  type Whom,
} from './state.js';
import { bare, call, hear, say, whomOf } from './talk.js';
import { nextAt, popDue, setTimer } from './timers.js';
import type { Message } from './words.js';

export type SwimEvent =
  /** It begins, or time has passed. */
  | { readonly kind: 'begin' | 'time' }
  /** A call of somebody, whose name its certificate says; `ask` names the answer. */
  | { readonly kind: 'asked'; readonly ask: number; readonly from: string; readonly message: Message }
  | { readonly kind: 'answered'; readonly call: number; readonly from: string; readonly message: Message }
  | { readonly kind: 'failed'; readonly call: number }
  /** What this node says of itself has changed. */
  | { readonly kind: 'card'; readonly card: Card }
  | { readonly kind: 'claims'; readonly claims: readonly Holding[] }
  /** All members that may be there are to have it from this node itself, and at once. */
  | { readonly kind: 'tell' }
  /** Somebody who may be alive is to be met now, and tried for ever. */
  | { readonly kind: 'join'; readonly whom: Whom }
  | { readonly kind: 'leave' };

/** Those who hear first-hand that this node leaves; others hear it by gossip. */
const LEAVE_TELLS = 16;

/** @param now milliseconds of a clock that never goes back. @returns what is to be done now; `wakeAt` says when time matters. */
export function step(swim: Swim, event: SwimEvent, now: number): Output {
  swim.now = now;
  act(swim, event);
  for (;;) {
    const due = popDue(swim.timers, now);
    if (due === undefined) break;
    onDue(swim, due);
  }
  gossipSoon(swim);
  const { out } = swim;
  swim.out = emptyOutput();
  return out;
}

/** When the next `time` event is due. */
export function wakeAt(swim: Swim): number {
  return nextAt(swim.timers);
}

function act(swim: Swim, event: SwimEvent): void {
  switch (event.kind) {
    case 'begin':
      begin(swim);
      break;
    case 'time':
      break;
    case 'asked':
      answer(swim, event.ask, event.from, event.message);
      break;
    case 'answered':
      answered(swim, event.call, event.from, event.message);
      break;
    case 'failed':
      failed(swim, event.call);
      break;
    case 'card':
      swim.digests = undefined;
      swim.self.card = event.card;
      swim.self.cardRevision += 1;
      spreadOwnCard(swim);
      break;
    case 'claims':
      claim(swim, event.claims);
      break;
    case 'tell':
      tell(swim);
      break;
    case 'join':
      join(swim, event.whom);
      break;
    case 'leave':
      leave(swim);
      break;
  }
}

function begin(swim: Swim): void {
  const { settings, known } = swim;
  const pauses = { probe: settings.probeMs, sync: settings.syncMs, reconnect: settings.reconnectMs };
  // At random moments: nodes that begin together would go on together.
  for (const [kind, ms] of Object.entries(pauses) as [keyof typeof pauses, number][])
    setTimer(swim.timers, swim.now + ms * swim.random(), { kind });
  setTimer(swim.timers, swim.now + settings.leftKeptMs, { kind: 'forget' });
  for (const whom of [...known.values()].slice(0, FIRST_TRIES)) compareWith(swim, whom);
}
/** Of those remembered: at once. The others are found through them, or tried one after the other. */
const FIRST_TRIES = 16;

function onDue(swim: Swim, due: Due): void {
  const { settings, timers, now, health } = swim;
  const again = (ms: number) => setTimer(timers, now + ms, due);
  switch (due.kind) {
    case 'probe':
      again(patient(settings.probeMs, health));
      if (!swim.self.leaving) probeNext(swim);
      break;
    case 'gossip':
      swim.gossipSet = false;
      gossip(swim);
      break;
    case 'sync':
      again(settings.syncMs * (0.75 + swim.random() / 2));
      compareWithAny(swim);
      break;
    case 'reconnect': {
      again(settings.reconnectMs * (0.75 + swim.random() / 2));
      const whom = swim.self.leaving ? undefined : lostOne(swim);
      if (whom !== undefined) compareWith(swim, whom);
      break;
    }
    case 'forget':
      again(settings.leftKeptMs / 4);
      for (const member of [...swim.members.values()])
        if (member.state === 'left' && now - member.since > settings.leftKeptMs) forget(swim, member);
      break;
    case 'suspicion':
      suspicionEnds(swim, due.name);
      break;
  }
}

/** While there is something to tell: at once, and then in rounds. */
function gossipSoon(swim: Swim): void {
  if (swim.gossipSet || swim.queue.entries.size === 0 || swim.alive < 2) return;
  swim.gossipSet = true;
  setTimer(swim.timers, swim.now + swim.settings.gossipMs * swim.random(), { kind: 'gossip' });
}

function gossip(swim: Swim, count = GOSSIP_FANOUT): void {
  for (const member of pickUp(swim, count)) {
    if (swim.queue.entries.size === 0) return;
    const message = say(swim, 'gossip', member.name);
    // It is no probe: who is slow shall hear it all the same.
    call(swim, whomOf(member), message, { kind: 'told', words: message.words }, swim.settings.syncTimeoutMs);
  }
  if (swim.queue.entries.size === 0 || swim.gossipSet) return;
  swim.gossipSet = true;
  setTimer(swim.timers, swim.now + swim.settings.gossipMs, { kind: 'gossip' });
}

function answer(swim: Swim, ask: number, from: string, message: Message): void {
  const stranger = hear(swim, message, from);
  const reply = (kind: Message['kind'], more: Partial<Message> = {}) =>
    void swim.out.answers.push({ ask, message: say(swim, kind, from, more) });
  const { self } = swim;
  switch (message.kind) {
    case 'ping': {
      const seen = message.cardSeen === self.cardRevision;
      reply('ack', seen ? {} : { card: { revision: self.cardRevision, card: self.card } });
      break;
    }
    case 'reach':
      relay(swim, ask, from, message.target ?? '');
      break;
    case 'digest':
      swim.out.answers.push({ ask, message: differences(swim, from, message.digests ?? []) });
      break;
    default:
      reply('taken');
  }
  if (stranger) compareOnce(swim, from);
}

function answered(swim: Swim, id: number, from: string, message: Message): void {
  const pending = swim.pending.get(id);
  swim.pending.delete(id);
  if (pending === undefined) return;
  const stranger = hear(swim, message, from);
  if (pending.kind === 'direct') directEnds(swim, pending.probe, true);
  if (pending.kind === 'indirect') indirectEnds(swim, pending.probe, message.kind);
  if (pending.kind === 'relay') swim.out.answers.push({ ask: pending.ask, message: say(swim, 'ack', pending.target) });
  if (pending.kind === 'digest') tellBack(swim, { ...pending.whom, name: from }, pending.buckets, message);
  else if (stranger) compareOnce(swim, from);
}

/** With who did not know this node, or took it for dead. */
function compareOnce(swim: Swim, name: string): void {
  const member = swim.members.get(name);
  const under = [...swim.pending.values()].some((one) => one.kind === 'digest' && one.whom.name === name);
  if (member !== undefined && !under && !swim.self.leaving) compareWith(swim, whomOf(member));
}

function failed(swim: Swim, id: number): void {
  const pending = swim.pending.get(id);
  swim.pending.delete(id);
  if (pending === undefined) return;
  if (pending.kind === 'direct') directEnds(swim, pending.probe, false);
  if (pending.kind === 'indirect') indirectEnds(swim, pending.probe, undefined);
  if (pending.kind === 'told')
    for (const word of pending.words) tryAgain(swim.queue, word, retransmissions(swim.alive));
  if (pending.kind === 'relay') swim.out.answers.push({ ask: pending.ask, message: say(swim, 'nack', pending.target) });
}

function claim(swim: Swim, claims: readonly Holding[]): void {
  const { self } = swim;
  const change = claimsChange(self.claims, claims);
  if (change === undefined) return;
  const base = self.claimsRevision;
  self.claimsRevision += 1;
  swim.digests = undefined;
  applyClaims(self.claims, { ...change, base });
  const { name, claimsRevision: revision } = self;
  // A short list whole: it is understood by who has not heard of what was before.
  const whole = self.claims.size <= WHOLE_MAX ? { base: 0, changed: claims, removed: [] } : { base, ...change };
  spread(swim, { kind: 'claims', name, revision, ...whole });
  // At once, and in a small mesh to everybody: until then another node may give away the same name or address.
  gossip(swim, CLAIM_FANOUT);
}

/** The dead too: they may not be. */
function tell(swim: Swim): void {
  const records = [ownRecord(swim)];
  for (const member of swim.members.values())
    if (member.state !== 'left')
      call(swim, whomOf(member), bare(swim, 'push', member.name, { records }), TOLD, swim.settings.syncTimeoutMs);
}
const TOLD: Pending = { kind: 'told', words: [] };

function join(swim: Swim, whom: Whom): void {
  const { self, known } = swim;
  known.set(whom.name ?? whom.endpoint, whom);
  if (self.leaving) {
    // Who has left comes back as another one.
    self.leaving = false;
    self.incarnation += 1;
    swim.digests = undefined;
    spread(swim, { kind: 'state', name: self.name, state: 'alive', incarnation: self.incarnation, by: self.name });
  }
  compareWith(swim, whom);
}

const CLAIM_FANOUT = 8;

/** More than most nodes have; some 1.5 KB. */
const WHOLE_MAX = 16;

function leave(swim: Swim): void {
  const { self } = swim;
  self.leaving = true;
  const { name, incarnation } = self;
  spread(swim, { kind: 'state', name, state: 'left', incarnation, by: name });
  const word = { kind: 'state' as const, name, state: 'left' as const, incarnation, by: name };
  for (const member of pickUp(swim, LEAVE_TELLS)) {
    const message: Message = { ...say(swim, 'gossip', member.name), words: [word] };
    call(swim, whomOf(member), message, TOLD, swim.settings.directMs);
  }
}
