/**
 * Push-pull: two members compare all they know, and tell each other only what differs. Invariant: afterwards each knows the
 * newest that either knew, but for what was too long for one message, which comes with the next comparison. Pure.
 */
import { bucketCount, digestOf, hashOf, isBucketCount } from './digest.js';
import { RECORDS_BYTES_MAX } from './settings.js';
import { sizeOfRecord } from './size.js';
import { ownRecord, pickUp, recordOf, type Swim, type Whom } from './state.js';
import { bare, call, say, whomOf } from './talk.js';
import { type MemberRecord, type Message, outranks } from './words.js';

export function compareWithAny(swim: Swim): void {
  const [member] = pickUp(swim, 1);
  if (member !== undefined) compareWith(swim, whomOf(member));
}

/** Asks how the other's table differs; it hears of this node first, so that it knows who asks. */
export function compareWith(swim: Swim, whom: Whom): void {
  const buckets = bucketCount(swim.members.size + 1);
  const digests = digestsOf(swim, buckets);
  // No news: whom it is sent to may not be there, and they would count as told.
  const message = bare(swim, 'digest', whom.name, { digests, records: [ownRecord(swim)] });
  call(swim, whom, message, { kind: 'digest', whom, buckets }, swim.settings.syncTimeoutMs);
}

/** The answer to who compares: which buckets differ, and all that is in them. */
export function differences(swim: Swim, from: string, theirs: readonly number[]): Message {
  if (!isBucketCount(theirs.length)) return say(swim, 'records', from, { digests: [], records: [] });
  const ours = digestsOf(swim, theirs.length);
  const differing = ours.flatMap((digest, bucket) => (digest === theirs[bucket] ? [] : [bucket]));
  return say(swim, 'records', from, { digests: differing, records: recordsIn(swim, differing, theirs.length) });
}

/** What this node knows better than who answered it is told in turn. @param buckets that were asked with. */
export function tellBack(swim: Swim, whom: Whom, buckets: number, answer: Message): void {
  const theirs = new Map((answer.records ?? []).map((record) => [record.name, record]));
  const ours = recordsIn(swim, answer.digests ?? [], buckets);
  const newer = ours.filter((record) => isNewer(record, theirs.get(record.name)));
  if (newer.length === 0) return;
  const message = say(swim, 'push', whom.name, { records: newer });
  call(swim, whom, message, { kind: 'told', words: message.words }, swim.settings.syncTimeoutMs);
}

function isNewer(ours: MemberRecord, theirs: MemberRecord | undefined): boolean {
  if (theirs === undefined) return true;
  const later = ours.cardRevision > theirs.cardRevision || ours.claimsRevision > theirs.claimsRevision;
  return later || outranks(ours, theirs);
}

function digestsOf(swim: Swim, count: number): readonly number[] {
  if (swim.digests?.length === count) return swim.digests;
  swim.digests = countDigests(swim, count);
  return swim.digests;
}

function countDigests(swim: Swim, count: number): number[] {
  const digests = new Array<number>(count).fill(0);
  const put = (hash: number, digest: number) => {
    const bucket = hash & (count - 1);
    digests[bucket] = ((digests[bucket] ?? 0) ^ digest) >>> 0;
  };
  const { self } = swim;
  const hash = hashOf(self.name);
  put(hash, digestOf({ ...self, hash, state: 'alive' }));
  for (const member of swim.members.values()) {
    // Each forgets those who left in its own time.
    if (member.state !== 'left') put(member.hash, digestOf(member));
  }
  return digests;
}

function recordsIn(swim: Swim, buckets: readonly number[], count: number): MemberRecord[] {
  if (buckets.length === 0) return [];
  const wanted = new Set(buckets);
  const has = (hash: number) => wanted.has(hash & (count - 1));
  const records = has(hashOf(swim.self.name)) ? [ownRecord(swim)] : [];
  let bytes = 0;
  for (const member of swim.members.values()) {
    if (!has(member.hash)) continue;
    const record = recordOf(member);
    bytes += sizeOfRecord(record);
    if (bytes > RECORDS_BYTES_MAX) break;
    records.push(record);
  }
  return records;
}

/** Somebody to try who is not there, as far as is known: a seed, or one who is dead; undefined when all are there. */
export function lostOne(swim: Swim): Whom | undefined {
  const seeds = [...swim.known.values()].filter((whom) => isAway(swim, whom));
  const dead = [...swim.members.values()].filter(({ state }) => state === 'dead');
  // Those who once were met; of the others only somebody says that they exist, and they are tried now and then.
  const sure = [...seeds, ...dead.filter(({ cardSeen }) => cardSeen > 0).map(whomOf)];
  const all = [...seeds, ...dead.map(whomOf)];
  const choice = sure.length === 0 || swim.random() < STRANGERS_SHARE ? all : sure;
  return choice[Math.floor(swim.random() * choice.length)];
}

/** Of the tries: those who were never met. */
const STRANGERS_SHARE = 0.2;

/** A seed without a name is known by its address. One who has left is not called back. */
function isAway({ members, self }: Swim, { name, endpoint }: Whom): boolean {
  if (name !== undefined) return name !== self.name && (members.get(name)?.state ?? 'dead') === 'dead';
  if (self.card.endpoint === endpoint) return false;
  for (const { card, state } of members.values()) if (card.endpoint === endpoint && state !== 'dead') return false;
  return true;
}
