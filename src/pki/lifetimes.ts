/** How long certificates live, and when they are renewed. Pure. */
import type { CertificateRole } from './subject.js';

const HOUR_MS = 60 * 60 * 1000;
const DAY_MS = 24 * HOUR_MS;

/** Whoever makes a new CA visits every node; so it outlives the machines. */
export const CA_LIFETIME_MS = 10 * 365 * DAY_MS;

/**
 * A stolen certificate that nobody knows to be stolen is worth something for so long. A node's and a person's: a holiday of
 * whoever keeps an offline CA must fit in; where a node holds the CA, nodes renew themselves. An authority's is made anew
 * whenever the door for joins opens.
 */
export const LIFETIME_MS: Readonly<Record<CertificateRole, number>> = {
  node: 30 * DAY_MS,
  operator: 30 * DAY_MS,
  reader: 30 * DAY_MS,
  authority: DAY_MS,
};

/** Longer ones are refused: what is revoked is listed until it would have expired, so this bounds the list. */
export const LIFETIME_MS_MAX = 398 * DAY_MS;

/** A certificate is valid from so long before it was made: clocks of nodes differ. */
export const BACKDATE_MS = HOUR_MS;

/** Later than that the rest of the life is too short for a CA that is away. */
const RENEW_AT = 2 / 3;
/** Nodes that were made at once do not all ask at once. */
const JITTER = 0.05;

/** When to renew. @param random from 0 to 1. */
export function renewalMs({ notBeforeMs, notAfterMs }: Validity, random: number): number {
  // Short ones are mostly backdating: what counts is the life from when it was made.
  const madeMs = Math.min(notBeforeMs + BACKDATE_MS, notAfterMs);
  return madeMs + (notAfterMs - madeMs) * (RENEW_AT - JITTER * random);
}

export interface Validity {
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}
