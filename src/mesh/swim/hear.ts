/**
 * What a node makes of what it is told. Invariant: nobody is dead or gone by hearsay alone, but suspected, and can object for
 * the least time of a suspicion; what a member says of itself goes before all that others say of it. Pure.
 */
import { suspicionBounds, suspicionMs } from './arithmetic.js';
import { applyClaims, fits } from './claims.js';
import { JUMP_MAX, NUMBER_MAX, OBJECTIONS_MAX } from './settings.js';
import { feel, hasRoom, introduce, isUp, type Member, type Swim, setState, spread } from './state.js';
import { setTimer } from './timers.js';
import type { AboutYou, CardWord, ClaimsWord, MemberRecord, StateWord, Word } from './words.js';

/** @param from who says it; the name is that of its certificate. */
export function hearWord(swim: Swim, word: Word, from: string): void {
  if (word.name === swim.self.name) {
    hearOfSelf(swim, word);
    return;
  }
  const member = swim.members.get(word.name);
  if (word.kind === 'card') hearCard(swim, word, member, from);
  else if (member !== undefined && word.kind === 'state') hearState(swim, member, word, from);
  else if (member !== undefined && word.kind === 'claims') hearClaims(swim, member, word, from);
}

/** A number that can be counted on from, and by others' word not far from what was known. */
function believable(said: number, held: number, first: boolean, jump = JUMP_MAX): boolean {
  return said <= NUMBER_MAX && (first || held === 0 || said <= held + jump);
}

function hearState(swim: Swim, member: Member, word: StateWord, from: string): void {
  const { incarnation, state, name } = word;
  const first = from === name;
  if (incarnation < member.incarnation || !believable(incarnation, member.incarnation, first, OBJECTIONS_MAX)) return;
  if (state === 'alive') {
    if (incarnation > member.incarnation) revive(swim, member, incarnation, word);
    return;
  }
  if (first) {
    // A node says of itself that it goes, and nothing else.
    if (state === 'left' && member.state !== 'left') bury(swim, member, 'left', incarnation, from);
    return;
  }
  if (!isUp(member.state)) {
    if (incarnation > member.incarnation) setState(swim, member, state === 'suspect' ? 'dead' : state, incarnation);
    return;
  }
  suspect(swim, member, { ...word, verdict: state === 'left' ? 'left' : 'dead' });
  const minMs = suspicionBounds(swim.alive, swim.settings.probeMs).minMs;
  const { suspicion } = member;
  const old = suspicion !== undefined && swim.now - suspicion.startedAt >= minMs;
  if (old && state !== 'suspect') bury(swim, member, state, incarnation, word.by);
}

function revive(swim: Swim, member: Member, incarnation: number, word: StateWord): void {
  setState(swim, member, 'alive', incarnation);
  spread(swim, word);
}

/** Afterwards it is suspected, by one more. */
export function suspect(
  swim: Swim,
  member: Member,
  { by, incarnation, verdict = 'dead' }: { by: string; incarnation: number; verdict?: 'dead' | 'left' },
): void {
  const bounds = suspicionBounds(swim.alive, swim.settings.probeMs);
  const { suspicion, name } = member;
  if (suspicion === undefined || incarnation > member.incarnation) {
    setState(swim, member, 'suspect', incarnation);
    const endsAt = swim.now + suspicionMs(bounds, 0);
    member.suspicion = { startedAt: swim.now, verdict, by: [by], endsAt };
    setTimer(swim.timers, endsAt, { kind: 'suspicion', name });
  } else {
    if (suspicion.by.includes(by) || suspicion.by.length > bounds.wanted) return;
    suspicion.by.push(by);
    const endsAt = suspicion.startedAt + suspicionMs(bounds, suspicion.by.length - 1);
    if (endsAt < suspicion.endsAt) {
      suspicion.endsAt = endsAt;
      setTimer(swim.timers, endsAt, { kind: 'suspicion', name });
    }
  }
  spread(swim, { kind: 'state', name, state: 'suspect', incarnation, by });
}

/** Nothing was heard of it for the time of a suspicion. */
export function suspicionEnds(swim: Swim, name: string): void {
  const member = swim.members.get(name);
  const suspicion = member?.suspicion;
  if (member === undefined || suspicion === undefined || suspicion.endsAt > swim.now) return;
  bury(swim, member, suspicion.verdict, member.incarnation, swim.self.name);
}

function bury(swim: Swim, member: Member, state: 'dead' | 'left', incarnation: number, by: string): void {
  setState(swim, member, state, incarnation);
  spread(swim, { kind: 'state', name: member.name, state, incarnation, by });
}

function hearCard(swim: Swim, word: CardWord, known: Member | undefined, from: string): void {
  const first = from === word.name;
  const { name, incarnation, revision, card } = word;
  if (!believable(incarnation, known?.incarnation ?? 0, first, OBJECTIONS_MAX)) return;
  if (!believable(revision, known?.cardRevision ?? 0, first)) return;
  const bare = {
    name,
    state: 'alive' as const,
    incarnation,
    cardRevision: revision,
    card,
    claimsRevision: 0,
    claims: [],
  };
  const member = known ?? introduce(swim, bare, first);
  if (member === undefined) return;
  const fresh = known === undefined || incarnation > member.incarnation;
  if (incarnation > member.incarnation) setState(swim, member, 'alive', incarnation);
  const changed = takeCard(swim, member, revision, card, first);
  if (fresh || changed) spread(swim, { ...word, card: member.card, revision: member.cardRevision });
}

/** @param first from the member itself: that is its card, whatever others have said. @returns whether it is another one. */
export function takeCard(
  swim: Swim,
  member: Member,
  revision: number,
  card: MemberRecord['card'],
  first: boolean,
): boolean {
  // It was said before what is known, and came later.
  if (first && revision < member.cardSeen) return false;
  const changed = first ? revision !== member.cardRevision : revision > member.cardRevision;
  if (first) member.cardSeen = revision;
  // What it said itself stands in the place of a forgery that has its number.
  if (!changed && !(first && card !== member.card)) return false;
  swim.digests = undefined;
  member.card = card;
  member.cardRevision = revision;
  swim.out.news.push({ kind: 'card', name: member.name });
  return changed;
}

function hearClaims(swim: Swim, member: Member, word: ClaimsWord, from: string): void {
  const { revision, changed } = word;
  if (!believable(revision, member.claimsRevision, from === word.name)) return;
  const size = changed.length + (word.base === 0 ? 0 : member.claims.size);
  if (!fits(word, member.claimsRevision) || !hasRoom(swim, member, size)) return;
  swim.claimsTotal -= member.claims.size;
  applyClaims(member.claims, word);
  swim.claimsTotal += member.claims.size;
  swim.digests = undefined;
  member.claimsRevision = revision;
  if (from === word.name) member.claimsSeen = revision;
  spread(swim, word);
  swim.out.news.push({ kind: 'claims', name: member.name });
}

/** All that somebody knows of a member. @param passOn whether one who was not known here may be news to others. */
export function hearRecord(swim: Swim, record: MemberRecord, from: string, passOn: boolean): void {
  const { name, incarnation, cardRevision, card, claimsRevision } = record;
  const first = from === name;
  if (name === swim.self.name) {
    hearNumbers(swim, record);
    return;
  }
  const known = swim.members.get(name);
  if (known === undefined) {
    const sound = incarnation <= NUMBER_MAX && cardRevision <= NUMBER_MAX && claimsRevision <= NUMBER_MAX;
    // Those who have left are not brought back by who has not forgotten them yet.
    if (!sound || (record.state === 'left' && !first)) return;
    const state = record.state === 'suspect' ? 'alive' : record.state;
    const member = introduce(swim, { ...record, state }, first);
    if (member === undefined) return;
    takeClaims(swim, member, record, first);
    if (state === 'alive' && passOn) spread(swim, { kind: 'card', name, incarnation, revision: cardRevision, card });
    return;
  }
  if (first) believeFirst(swim, known, incarnation);
  const cardSound = believable(cardRevision, known.cardRevision, first);
  if (cardSound && takeCard(swim, known, cardRevision, card, first))
    spread(swim, { kind: 'card', name, incarnation: known.incarnation, revision: cardRevision, card });
  hearState(swim, known, { kind: 'state', name, state: record.state, incarnation, by: from }, from);
  // As with the card: of what a member says itself, the last that it said, in whatever order it came.
  const last = claimsRevision !== known.claimsRevision && claimsRevision >= known.claimsSeen;
  const newer = first ? last : claimsRevision > known.claimsRevision;
  if (newer && believable(claimsRevision, known.claimsRevision, first)) takeClaims(swim, known, record, first);
}

function takeClaims(swim: Swim, member: Member, { claims, claimsRevision }: MemberRecord, first: boolean): void {
  if (!hasRoom(swim, member, claims.length)) return;
  swim.claimsTotal += claims.length - member.claims.size;
  member.claims = new Map(claims.map((holding) => [holding.name, holding]));
  swim.digests = undefined;
  member.claimsRevision = claimsRevision;
  if (first) member.claimsSeen = claimsRevision;
  swim.out.news.push({ kind: 'claims', name: member.name });
}

function hearOfSelf(swim: Swim, word: Word): void {
  const { self } = swim;
  if (word.kind === 'state' && word.state !== 'alive') objectTo(swim, word.incarnation, word.state);
  else if (word.kind === 'state' && word.incarnation > self.incarnation) objectTo(swim, word.incarnation, word.state);
  else if (word.kind === 'card')
    hearNumbers(swim, { ...word, state: 'alive', cardRevision: word.revision, claimsRevision: 0 });
  else if (word.kind === 'claims')
    hearNumbers(swim, { state: 'alive', incarnation: 0, cardRevision: 0, claimsRevision: word.revision });
}

export function hearAboutYou(swim: Swim, about: AboutYou): void {
  if (about.state !== 'unknown') objectTo(swim, about.incarnation, about.state);
}

/**
 * Numbers of this node that are higher than its own, from another life or from a liar: it goes on from above them. To one that
 * is far above, as of a life whose clock was years ahead, it comes in jumps, one each time that it hears of it.
 */
function hearNumbers(
  swim: Swim,
  said: Pick<MemberRecord, 'state' | 'incarnation' | 'cardRevision' | 'claimsRevision'>,
): void {
  const { self } = swim;
  if (said.state !== 'alive' || said.incarnation > self.incarnation) objectTo(swim, said.incarnation, said.state);
  swim.digests = undefined;
  const above = (number: number, own: number) => number > own && number < NUMBER_MAX;
  if (above(said.cardRevision, self.cardRevision)) {
    self.cardRevision = Math.min(said.cardRevision, self.cardRevision + JUMP_MAX) + 1;
    spreadOwnCard(swim);
  }
  if (above(said.claimsRevision, self.claimsRevision)) {
    self.claimsRevision = Math.min(said.claimsRevision, self.claimsRevision + JUMP_MAX) + 1;
    spreadAllClaims(swim);
  }
}

/** Who pings says which card it has had from this node itself: a later one than there is now is of another life. */
export function hearOwnCard(swim: Swim, cardRevision: number): void {
  if (cardRevision > swim.self.cardRevision)
    hearNumbers(swim, { state: 'alive', incarnation: 0, cardRevision, claimsRevision: 0 });
}

/** What others hold may be of another life, so all of it; a long list goes when everything is compared. */
function spreadAllClaims(swim: Swim): void {
  const { name, claims, claimsRevision: revision } = swim.self;
  if (claims.size > WHOLE_MAX) return;
  spread(swim, { kind: 'claims', name, base: 0, revision, changed: [...claims.values()], removed: [] });
}
const WHOLE_MAX = 64;

export function spreadOwnCard(swim: Swim): void {
  const { name, incarnation, cardRevision: revision, card } = swim.self;
  spread(swim, { kind: 'card', name, incarnation, revision, card });
}

/** What others said of a member before it was met counts no more, as it may be what nobody can object to. */
export function believeFirst(swim: Swim, member: Member, incarnation: number): void {
  if (member.cardSeen === 0 && incarnation < member.incarnation) setState(swim, member, 'alive', incarnation);
}

/** SWIM section 4.2: who is suspected and lives says so, at a higher incarnation; it may well be slow (Lifeguard). */
function objectTo(swim: Swim, incarnation: number, state: StateWord['state']): void {
  const { self } = swim;
  if (self.leaving || incarnation < self.incarnation || incarnation >= NUMBER_MAX) return;
  swim.digests = undefined;
  // Others may have believed several lies of which it hears the last one: it comes up to it in as many steps.
  self.incarnation = Math.min(incarnation, self.incarnation + OBJECTIONS_MAX) + 1;
  if (state === 'suspect') feel(swim, 1);
  spread(swim, { kind: 'state', name: self.name, state: 'alive', incarnation: self.incarnation, by: self.name });
}
