/** Calls and answers of the machine: what every message carries, and what is made of it. Pure. */
import { patient, retransmissions } from './arithmetic.js';
import { takeWords } from './gossip-queue.js';
import { believeFirst, hearAboutYou, hearRecord, hearWord, takeCard } from './hear.js';
import { NUMBER_MAX, WORDS_BYTES_MAX, WORDS_MAX } from './settings.js';
import { isUp, type Member, type Pending, type Swim, setState, spread, type Whom } from './state.js';
import type { AboutYou, MemberRecord, Message, MessageKind } from './words.js';

export function call(swim: Swim, to: Whom, message: Message, pending: Pending, timeoutMs: number): void {
  swim.callCount += 1;
  swim.pending.set(swim.callCount, pending);
  swim.out.calls.push({ call: swim.callCount, to, message, timeoutMs: patient(timeoutMs, swim.health) });
}

export function whomOf({ name, card }: Member): Whom {
  return { name, endpoint: card.endpoint };
}

/** A message of this kind, with news on its back, and what its reader should know about itself. */
export function say(swim: Swim, kind: MessageKind, to: string | undefined, more: Partial<Message> = {}): Message {
  const words = takeWords(swim.queue, WORDS_BYTES_MAX, retransmissions(swim.alive));
  return { ...bare(swim, kind, to, more), words };
}

/** As `say`, without news. */
export function bare(swim: Swim, kind: MessageKind, to: string | undefined, more: Partial<Message> = {}): Message {
  const about = to === undefined ? undefined : aboutYou(swim, to);
  return {
    kind,
    incarnation: swim.self.incarnation,
    words: [],
    ...(about === undefined ? {} : { aboutYou: about }),
    ...more,
  };
}

function aboutYou(swim: Swim, name: string): AboutYou | undefined {
  const member = swim.members.get(name);
  if (member === undefined) return { state: 'unknown', incarnation: 0 };
  if (member.state === 'alive') return undefined;
  return { state: member.state, incarnation: member.incarnation };
}

/** Takes what a message carries, whatever it is for. @returns whether who sent it is to be compared with. */
export function hear(swim: Swim, message: Message, from: string): boolean {
  meet(swim, message, from);
  for (const word of message.words.slice(0, WORDS_MAX)) hearWord(swim, word, from);
  hearRecords(swim, message.records ?? [], from);
  if (message.aboutYou !== undefined) hearAboutYou(swim, message.aboutYou);
  return message.aboutYou !== undefined && message.aboutYou.state !== 'suspect';
}

/**
 * The first time that somebody tells of others, it is what all the others know: who has come does not tell them of each
 * other. What two meshes know that meet by it comes with the second one, and is passed on.
 */
function hearRecords(swim: Swim, records: readonly MemberRecord[], from: string): void {
  const ofOthers = records.some(({ name }) => name !== from && name !== swim.self.name);
  const passOn = swim.joined || !ofOthers;
  if (ofOthers) swim.joined = true;
  for (const record of records) hearRecord(swim, record, from, passOn);
}

/** Who speaks is there, at the incarnation that it says. */
function meet(swim: Swim, { incarnation, card }: Message, from: string): void {
  const member = swim.members.get(from);
  if (member === undefined) return;
  if (card !== undefined) believeFirst(swim, member, incarnation);
  if (incarnation > member.incarnation && member.state !== 'alive' && incarnation <= NUMBER_MAX) {
    setState(swim, member, 'alive', incarnation);
    spread(swim, { kind: 'state', name: from, state: 'alive', incarnation, by: from });
  }
  if (card !== undefined) takeCard(swim, member, card.revision, card.card, true);
}

/** The member, when it may be alive. */
export function upMember(swim: Swim, name: string): Member | undefined {
  const member = swim.members.get(name);
  return member !== undefined && isUp(member.state) ? member : undefined;
}
