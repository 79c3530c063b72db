/**
 * The messages of the membership protocol, as bytes and back. Invariant: what comes out of a peer's message has sound names,
 * cards and claims; a part that has not, or that is not known here, is left out, and the rest counts.
 */
import { cutText } from '../base/cut-text.js';
import { refused } from '../base/errors.js';
import * as wire from '../gen/cnvm/peer/v1/peer.js';
import { type Holding, holdingsRefusal } from '../mesh/directory.js';
import { type Card, cardRefusal, nodeNameRefusal } from '../mesh/swim/card.js';
import { WORDS_MAX } from '../mesh/swim/settings.js';
import type { AboutYou, Liveness, MemberRecord, Message, MessageKind, Word } from '../mesh/swim/words.js';
import { fromBig, fromMeasure, toBig } from './messages.js';

const KINDS: Readonly<Record<MessageKind, wire.MemberMessageKind>> = {
  ping: wire.MemberMessageKind.PING,
  ack: wire.MemberMessageKind.ACK,
  reach: wire.MemberMessageKind.REACH,
  nack: wire.MemberMessageKind.NACK,
  gossip: wire.MemberMessageKind.GOSSIP,
  taken: wire.MemberMessageKind.TAKEN,
  digest: wire.MemberMessageKind.DIGEST,
  records: wire.MemberMessageKind.RECORDS,
  push: wire.MemberMessageKind.PUSH,
};

const STATES: Readonly<Record<Liveness | 'unknown', wire.MemberState>> = {
  alive: wire.MemberState.ALIVE,
  suspect: wire.MemberState.SUSPECT,
  dead: wire.MemberState.DEAD,
  left: wire.MemberState.LEFT,
  unknown: wire.MemberState.UNKNOWN,
};

export const toHolding = (holding: Holding): wire.Holding => ({ ...holding, epoch: toBig(holding.epoch) });
export const fromHolding = (holding: wire.Holding): Holding => ({ ...holding, epoch: fromBig(holding.epoch, 'epoch') });

export function toMemberMessage(message: Message): wire.MemberMessage {
  const { kind, incarnation, words, aboutYou, cardSeen = 0, card, target = '', digests = [], records = [] } = message;
  return {
    kind: KINDS[kind],
    incarnation: toBig(incarnation),
    words: words.map(toWord),
    aboutYou:
      aboutYou === undefined ? undefined : { state: STATES[aboutYou.state], incarnation: toBig(aboutYou.incarnation) },
    cardSeen: toBig(cardSeen),
    card: card === undefined ? undefined : { revision: toBig(card.revision), card: encodeCard(card.card) },
    target,
    digests: kind === 'digest' ? digests : [],
    buckets: kind === 'digest' ? [] : digests,
    records: records.map(toRecord),
  };
}

function toWord(word: Word): wire.MemberWord {
  const { name } = word;
  if (word.kind === 'state') {
    const { by, incarnation } = word;
    return {
      word: { $case: 'state', value: { name, state: STATES[word.state], incarnation: toBig(incarnation), by } },
    };
  }
  if (word.kind === 'card') {
    const numbers = { incarnation: toBig(word.incarnation), revision: toBig(word.revision) };
    return { word: { $case: 'card', value: { name, ...numbers, card: encodeCard(word.card) } } };
  }
  const numbers = { base: toBig(word.base), revision: toBig(word.revision) };
  const changes = { changed: word.changed.map(toHolding), removed: word.removed };
  return { word: { $case: 'claims', value: { name, ...numbers, ...changes } } };
}

function toRecord(record: MemberRecord): wire.MemberRecord {
  return {
    name: record.name,
    state: STATES[record.state],
    incarnation: toBig(record.incarnation),
    cardRevision: toBig(record.cardRevision),
    card: encodeCard(record.card),
    claimsRevision: toBig(record.claimsRevision),
    claims: record.claims.map(toHolding),
  };
}

/** As its owner encoded it: a newer version's fields are passed on though they are not known here. */
function encodeCard(card: Card): Uint8Array {
  if (card.encoded !== undefined) return card.encoded;
  const { facts } = card;
  const landingZones = facts.landingZones.map((zone) => ({ ...zone, availableBytes: toBig(zone.availableBytes) }));
  const bytes = {
    memoryTotalBytes: toBig(facts.memoryTotalBytes),
    memoryAvailableBytes: toBig(facts.memoryAvailableBytes),
  };
  return wire.MemberCard.encode({ ...card, facts: { ...facts, ...bytes, landingZones } }).finish();
}

/** @throws `refused` when the answer is none. */
export function demandMessage({ message }: wire.ExchangeResponse, network: string, who: string): Message {
  const answer = fromMemberMessage(message, network, () => undefined);
  if (answer === undefined) throw refused('unavailable', `${who} answered with what is not understood`);
  return answer;
}

/** Undefined when its kind is not known here: then it is answered, and no more. @param network the overlay's. */
export function fromMemberMessage(
  message: wire.MemberMessage | undefined,
  network: string,
  refuse: (why: string) => void,
): Message | undefined {
  const kind = (Object.keys(KINDS) as MessageKind[]).find((one) => KINDS[one] === message?.kind);
  if (message === undefined || kind === undefined) return undefined;
  const sound = <T>(read: () => T | undefined): T[] => {
    try {
      const value = read();
      return value === undefined ? [] : [value];
    } catch (error) {
      refuse(cutText(error instanceof Error ? error.message : String(error), WHY_MAX));
      return [];
    }
  };
  const { aboutYou, card, target } = message;
  const [about] = aboutYou === undefined ? [] : sound(() => fromAbout(aboutYou));
  const [ownCard] = card === undefined ? [] : sound(() => fromCardRevision(card, network));
  return {
    kind,
    incarnation: fromMeasure(message.incarnation),
    words: message.words.slice(0, WORDS_MAX).flatMap((word) => sound(() => fromWord(word, network))),
    ...(about === undefined ? {} : { aboutYou: about }),
    ...(ownCard === undefined ? {} : { card: ownCard }),
    cardSeen: fromMeasure(message.cardSeen),
    target,
    digests: kind === 'digest' ? message.digests : message.buckets,
    records: message.records.flatMap((record) => sound(() => fromRecord(record, network))),
  };
}
const WHY_MAX = 200;

function fromAbout({ state, incarnation }: wire.AboutYou): AboutYou | undefined {
  const found = (Object.keys(STATES) as (keyof typeof STATES)[]).find((one) => STATES[one] === state);
  return found === undefined || found === 'alive' ? undefined : { state: found, incarnation: fromMeasure(incarnation) };
}

function stateOf(state: wire.MemberState): Liveness | undefined {
  return (['alive', 'suspect', 'dead', 'left'] as const).find((one) => STATES[one] === state);
}

function fromCardRevision({ revision, card }: wire.CardRevision, network: string) {
  const decoded = decodeCard(card, network);
  return { revision: fromBig(revision, 'revision'), card: decoded };
}

function fromWord({ word }: wire.MemberWord, network: string): Word | undefined {
  if (word === undefined) return undefined;
  const name = nameOf(word.value.name);
  if (word.$case === 'state') {
    const state = stateOf(word.value.state);
    const by = nameOf(word.value.by);
    return state && { kind: 'state', name, state, incarnation: fromBig(word.value.incarnation, 'incarnation'), by };
  }
  if (word.$case === 'card') {
    const card = decodeCard(word.value.card, network, name);
    const incarnation = fromBig(word.value.incarnation, 'incarnation');
    return { kind: 'card', name, incarnation, revision: fromBig(word.value.revision, 'revision'), card };
  }
  const changed = claimsOf(word.value.changed, network);
  const numbers = { base: fromBig(word.value.base, 'base'), revision: fromBig(word.value.revision, 'revision') };
  return { kind: 'claims', name, ...numbers, changed, removed: word.value.removed };
}

function fromRecord(record: wire.MemberRecord, network: string): MemberRecord | undefined {
  const name = nameOf(record.name);
  const state = stateOf(record.state);
  return (
    state && {
      ...{ name, state, incarnation: fromBig(record.incarnation, 'incarnation') },
      ...{ card: decodeCard(record.card, network, name), cardRevision: fromBig(record.cardRevision, 'card_revision') },
      claims: claimsOf(record.claims, network),
      claimsRevision: fromBig(record.claimsRevision, 'claims_revision'),
    }
  );
}

function nameOf(name: string): string {
  const why = nodeNameRefusal(name);
  if (why !== undefined) throw new Error(why);
  return name;
}

function claimsOf(holdings: readonly wire.Holding[], network: string): Holding[] {
  const claims = holdings.map(fromHolding);
  const why = holdingsRefusal(claims, network);
  if (why !== undefined) throw new Error(why);
  return claims;
}

function decodeCard(encoded: Uint8Array, network: string, name?: string): Card {
  const { facts, ...rest } = wire.MemberCard.decode(encoded);
  if (facts === undefined) throw new Error('a card has no facts');
  const card: Card = {
    ...rest,
    // A copy: the bytes are a view of the whole message, which would be kept with them.
    encoded: Uint8Array.from(encoded),
    facts: {
      ...facts,
      memoryTotalBytes: fromMeasure(facts.memoryTotalBytes),
      memoryAvailableBytes: fromMeasure(facts.memoryAvailableBytes),
      landingZones: facts.landingZones.map((zone) => ({ ...zone, availableBytes: fromMeasure(zone.availableBytes) })),
    },
  };
  const why =
    cardRefusal(card, network) ?? (name === undefined || name === card.name ? undefined : 'it is another one');
  if (why !== undefined) throw new Error(`a card is not taken: ${why}`);
  return card;
}
