/** What members say to each other: types, and what is the same in all of them. Pure. */
import type { Holding } from '../directory.js';
import type { Card } from './card.js';

export type Liveness = 'alive' | 'suspect' | 'dead' | 'left';

/** The state of a member, by somebody's word. */
export interface StateWord {
  readonly kind: 'state';
  readonly name: string;
  readonly state: Liveness;
  readonly incarnation: number;
  /** Who says so first: for a suspicion those are counted. */
  readonly by: string;
}

/** A member's card; it is alive, at least at this incarnation. */
export interface CardWord {
  readonly kind: 'card';
  readonly name: string;
  readonly incarnation: number;
  readonly revision: number;
  readonly card: Card;
}

/** What has changed in what a member owns, from `base` (exclusive) to `revision`; from 0 on it is all. */
export interface ClaimsWord {
  readonly kind: 'claims';
  readonly name: string;
  readonly base: number;
  readonly revision: number;
  readonly changed: readonly Holding[];
  readonly removed: readonly string[];
}

export type Word = StateWord | CardWord | ClaimsWord;

/** All that is known of one member. */
export interface MemberRecord {
  readonly name: string;
  readonly state: Liveness;
  readonly incarnation: number;
  readonly cardRevision: number;
  readonly card: Card;
  readonly claimsRevision: number;
  readonly claims: readonly Holding[];
}

/** How the member that is spoken to stands with who speaks; Lifeguard's buddy: a suspect hears of it at once. */
export interface AboutYou {
  readonly state: Exclude<Liveness, 'alive'> | 'unknown';
  readonly incarnation: number;
}

/**
 * - `ping`, answered by `ack`: are you there?
 * - `reach`, answered by `ack` or `nack`: is it there, of whom I hear nothing?
 * - `gossip`, `push`, answered by `taken`: hear this.
 * - `digest`, answered by `records`: how do we differ?
 */
export type MessageKind = 'ping' | 'ack' | 'reach' | 'nack' | 'gossip' | 'taken' | 'digest' | 'records' | 'push';

export interface Message {
  readonly kind: MessageKind;
  /** The speaker's own. */
  readonly incarnation: number;
  readonly words: readonly Word[];
  readonly aboutYou?: AboutYou;
  /** In a ping: the revision of the card that the speaker has from the other itself. */
  readonly cardSeen?: number;
  /** In an ack: the speaker's own card, when that is another one. */
  readonly card?: { readonly revision: number; readonly card: Card };
  /** In a reach: whom. */
  readonly target?: string;
  /** In a digest: a number for each bucket of names. In records: those that differ. */
  readonly digests?: readonly number[];
  readonly records?: readonly MemberRecord[];
}

const RANKS: Readonly<Record<Liveness, number>> = { alive: 0, suspect: 1, dead: 2, left: 3 };

/** Whether what is said of a member goes beyond what is held: SWIM section 4.2, with "left" above "dead". */
export function outranks(
  said: { readonly state: Liveness; readonly incarnation: number },
  held: { readonly state: Liveness; readonly incarnation: number },
): boolean {
  if (said.incarnation !== held.incarnation) return said.incarnation > held.incarnation;
  return RANKS[said.state] > RANKS[held.state];
}
