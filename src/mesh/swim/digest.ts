/**
 * Comparing two tables of members without sending them: names fall into buckets, and each bucket has a number that follows
 * from what is known of its members. Invariant: equal tables have equal numbers; tables that differ have different ones but
 * for one in 2^32. Pure.
 */
import type { Liveness } from './words.js';

/** Names in a bucket, about: what differs is sent by whole buckets. */
const PER_BUCKET = 4;
const BUCKETS_MIN = 16;
const BUCKETS_MAX = 1_024;

/** A power of two, so that a name's bucket is a few bits of its hash. */
export function bucketCount(members: number): number {
  let count = BUCKETS_MIN;
  while (count < BUCKETS_MAX && count * PER_BUCKET < members) count *= 2;
  return count;
}

/** Whether a peer may ask for so many. */
export function isBucketCount(count: number): boolean {
  return count >= BUCKETS_MIN && count <= BUCKETS_MAX && (count & (count - 1)) === 0;
}

/** FNV-1a, and a last mix (murmur3's), as the lowest bits choose the bucket. */
export function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index += 1) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  return mix(hash);
}

export interface Digested {
  /** `hashOf` the name. */
  readonly hash: number;
  readonly state: Liveness;
  readonly incarnation: number;
  readonly cardRevision: number;
  readonly claimsRevision: number;
}

/** A suspect is alive until it is dead: who has not heard of a suspicion yet has the same table. */
export function digestOf({ hash, state, incarnation, cardRevision, claimsRevision }: Digested): number {
  let digest = hash ^ (state === 'dead' ? 0x5bd1e995 : 0);
  for (const number of [incarnation, cardRevision, claimsRevision]) {
    digest = mix(digest ^ (number % 0x100000000));
    digest = mix(digest + Math.floor(number / 0x100000000));
  }
  return digest >>> 0;
}

function mix(value: number): number {
  let hash = value;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
