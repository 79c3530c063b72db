/**
 * What is still to be passed on. Invariant: at most one word of each kind about each member, the newest; those that were sent
 * least go first (SWIM section 4.1), and each goes out so often and no more. Pure.
 */
import { mergeClaims } from './claims.js';
import { sizeOfWord } from './size.js';
import type { Word } from './words.js';

interface Entry {
  readonly word: Word;
  readonly bytes: number;
  sent: number;
}

export type GossipQueue = Map<string, Entry>;

export function enqueue(queue: GossipQueue, word: Word): void {
  const key = `${word.kind} ${word.name}`;
  const before = queue.get(key)?.word;
  const merged = word.kind === 'claims' && before?.kind === 'claims' ? mergeClaims(before, word) : word;
  queue.set(key, { word: merged, bytes: sizeOfWord(merged), sent: 0 });
}

/** A word that nobody may have heard is sent once more, unless there is a newer one. More often it would never end. */
export function tryAgain(queue: GossipQueue, word: Word, limit: number): void {
  const key = `${word.kind} ${word.name}`;
  const entry = queue.get(key);
  if (entry === undefined) queue.set(key, { word, bytes: sizeOfWord(word), sent: limit - 1 });
  else if (entry.word === word) entry.sent = Math.max(0, entry.sent - 1);
}

/** Whoever is forgotten is spoken of no more. */
export function unqueue(queue: GossipQueue, name: string): void {
  for (const kind of ['state', 'card', 'claims']) queue.delete(`${kind} ${name}`);
}

/** The next words to send, which count as sent; what has been sent `limit` times is gone. */
export function takeWords(queue: GossipQueue, bytesMax: number, limit: number): Word[] {
  if (queue.size === 0) return [];
  const taken: Word[] = [];
  let bytes = 0;
  for (const [key, entry] of leastSentFirst(queue)) {
    // One that is too long for any message goes alone.
    if (taken.length > 0 && bytes + entry.bytes > bytesMax) continue;
    taken.push(entry.word);
    bytes += entry.bytes;
    entry.sent += 1;
    if (entry.sent >= limit) queue.delete(key);
    if (bytes >= bytesMax) break;
  }
  return taken;
}

function leastSentFirst(queue: GossipQueue): [string, Entry][] {
  const entries = [...queue];
  return entries.length === 1 ? entries : entries.sort(([, one], [, other]) => one.sent - other.sent);
}
