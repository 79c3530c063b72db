/**
 * How many bytes a message takes, by an estimate that costs nothing. Invariant: within a tenth of what `rpc/` really encodes,
 * which a test holds it to. Pure.
 */
import type { Holding } from '../directory.js';
import type { Card } from './card.js';
import type { MemberRecord, Message, Word } from './words.js';

/** A tag and a length, or a tag and a small number. */
const FIELD = 2;
/** A tag and a number of milliseconds since 1970, or of an incarnation. */
const BIG = 7;

const text = (value: string): number => (value === '' ? 0 : FIELD + value.length);
const count = (value: number): number => (value === 0 ? 0 : 1 + varint(value));
const varint = (value: number): number => Math.max(1, Math.ceil(Math.log2(value + 1) / 7));

export function sizeOfHolding({ name, address, state, image, epoch }: Holding): number {
  return FIELD + text(name) + text(address) + text(state) + text(image) + count(epoch);
}

/** Its number takes two bytes. */
const FLAG = 3;
const cards = new WeakMap<Card, number>();

export function sizeOfCard(card: Card): number {
  const known = cards.get(card);
  if (known !== undefined) return known;
  const { facts } = card;
  const words = [card.name, card.endpoint, card.overlayAddress, card.version, card.overlayKey, card.overlayNextKey];
  const more = [facts.criuVersion, facts.runcVersion, facts.kernelRelease, facts.architecture, facts.cpuDigest];
  const numbers = [card.protocolMin, card.protocolMax, card.overlayPort, card.overlayMtu, facts.cpus];
  const counts = [facts.loadCenti, facts.cnvmCount];
  const bytes = [facts.memoryTotalBytes, facts.memoryAvailableBytes];
  const zones = facts.landingZones.map(({ path, availableBytes }) => FIELD + text(path) + count(availableBytes));
  const size =
    2 * FIELD +
    sum([...words, ...more, ...facts.memoryModes].map(text)) +
    sum([...numbers, ...counts, ...bytes].map(count)) +
    FLAG * (Number(card.cordoned) + Number(card.strained)) +
    sum(zones);
  cards.set(card, size);
  return size;
}

export function sizeOfWord(word: Word): number {
  const base = 2 * FIELD + text(word.name);
  if (word.kind === 'state') return base + FIELD + count(word.incarnation) + text(word.by);
  if (word.kind === 'card') return base + count(word.incarnation) + BIG + FIELD + sizeOfCard(word.card);
  return base + 2 * BIG + sum(word.changed.map(sizeOfHolding)) + sum(word.removed.map(text));
}

export function sizeOfRecord(record: MemberRecord): number {
  const claims = sum(record.claims.map(sizeOfHolding));
  return (
    FIELD + text(record.name) + FIELD + count(record.incarnation) + 2 * BIG + FIELD + sizeOfCard(record.card) + claims
  );
}

export function sizeOfMessage(message: Message): number {
  const { words, aboutYou, card, digests = [], records = [] } = message;
  return (
    FIELD +
    count(message.incarnation) +
    sum(words.map(sizeOfWord)) +
    (aboutYou === undefined ? 0 : 2 * FIELD + count(aboutYou.incarnation)) +
    (message.cardSeen === undefined ? 0 : BIG) +
    (card === undefined ? 0 : 2 * FIELD + BIG + sizeOfCard(card.card)) +
    text(message.target ?? '') +
    // A digest is 32 bits, as they are; a bucket's number is small.
    (message.kind === 'digest' ? FIELD + 4 * digests.length : digests.length * 2) +
    sum(records.map(sizeOfRecord))
  );
}

function sum(values: readonly number[]): number {
  let total = 0;
  for (const value of values) total += value;
  return total;
}
