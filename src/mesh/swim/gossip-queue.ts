/**
 * What is still to be passed on. Invariant: at most one word of each kind about each member, the newest; those that were sent
 * least go first (SWIM section 4.1), and each goes out so often and no more. What one message takes costs what it can carry,
 * and not what there is to tell: after a partition that is the whole mesh. Pure.
 */
import { mergeClaims } from './claims.js';
import { sizeOfWord } from './size.js';
import type { Word } from './words.js';

interface Entry {
  readonly key: string;
  readonly word: Word;
  readonly bytes: number;
  sent: number;
}

type Row = Map<string, Entry>;

export interface GossipQueue {
  readonly entries: Map<string, Entry>;
  /** The same, by how often they were sent; in each row those that came first are first. */
  readonly rows: Row[];
}

/** Words that are passed over as too long for what is left of a message: behind them there may be a short one. */
const PASSED_MAX = 8;

export function newGossipQueue(): GossipQueue {
  return { entries: new Map(), rows: [] };
}

export function enqueue(queue: GossipQueue, word: Word): void {
  const key = keyOf(word);
  const before = queue.entries.get(key)?.word;
  const merged = word.kind === 'claims' && before?.kind === 'claims' ? mergeClaims(before, word) : word;
  drop(queue, key);
  add(queue, { key, word: merged, bytes: sizeOfWord(merged), sent: 0 });
}

/** A word that nobody may have heard is sent once more, unless there is a newer one. More often it would never end. */
export function tryAgain(queue: GossipQueue, word: Word, limit: number): void {
  const key = keyOf(word);
  const entry = queue.entries.get(key);
  if (entry === undefined) add(queue, { key, word, bytes: sizeOfWord(word), sent: limit - 1 });
  else if (entry.word === word && entry.sent > 0) move(queue, entry, entry.sent - 1);
}

/** Whoever is forgotten is spoken of no more. */
export function unqueue(queue: GossipQueue, name: string): void {
  for (const kind of ['state', 'card', 'claims'] as const) drop(queue, keyOf({ kind, name }));
}

/** The next words to send, which count as sent; what has been sent `limit` times is gone. */
export function takeWords(queue: GossipQueue, bytesMax: number, limit: number): Word[] {
  if (queue.entries.size === 0) return [];
  const taken = choose(queue, bytesMax);
  for (const entry of taken) {
    if (entry.sent + 1 < limit) move(queue, entry, entry.sent + 1);
    else drop(queue, entry.key);
  }
  return taken.map(({ word }) => word);
}

function choose({ rows }: GossipQueue, bytesMax: number): Entry[] {
  const taken: Entry[] = [];
  let bytes = 0;
  let passed = 0;
  for (const row of rows)
    for (const entry of row.values()) {
      // One that is too long for any message goes alone.
      if (taken.length > 0 && bytes + entry.bytes > bytesMax) passed += 1;
      else {
        taken.push(entry);
        bytes += entry.bytes;
      }
      if (bytes >= bytesMax || passed >= PASSED_MAX) return taken;
    }
  return taken;
}

const keyOf = ({ kind, name }: Pick<Word, 'kind' | 'name'>): string => `${kind} ${name}`;

function add({ entries, rows }: GossipQueue, entry: Entry): void {
  entries.set(entry.key, entry);
  rowOf(rows, entry.sent).set(entry.key, entry);
}

function move({ rows }: GossipQueue, entry: Entry, sent: number): void {
  rows[entry.sent]?.delete(entry.key);
  entry.sent = sent;
  rowOf(rows, sent).set(entry.key, entry);
}

function drop({ entries, rows }: GossipQueue, key: string): void {
  const entry = entries.get(key);
  if (entry === undefined) return;
  entries.delete(key);
  rows[entry.sent]?.delete(key);
}

function rowOf(rows: Row[], sent: number): Row {
  for (;;) {
    const row = rows[sent];
    if (row !== undefined) return row;
    rows.push(new Map());
  }
}
