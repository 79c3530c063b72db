/**
 * What a migration has promised, on disk. Invariant: an entry is durable before the act that it announces, so whoever
 * reads the journal after a crash knows the furthest point that can have been reached.
 */
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { removeFileDurably, sweepTemporaries, writeFileAtomic } from '../base/atomic-file.js';
import { COUNT_MAX } from '../base/count.js';
import { messageOf } from '../base/errors.js';
import type { CnvmRecord } from '../cnvms/cnvm.js';
import { parseRecord } from '../cnvms/store.js';
import { MEMORY_MODES, type MemoryRound, type Migration, PHASES } from './migration.js';

/**
 * The source's side: `begun` (nothing frozen), `frozen` (ours, may be thawed), `handing-over` (only the target's word
 * decides), `released` (the target's), `kept` (ours, and it stays).
 * The target's side: `receiving` (the source's), `activating` (ours, being restored), `paging` (ours, runs, some of its
 * memory is still at the source), `running` (ours), `lost` (ours, and ended: the rest of its memory did not come),
 * `returned` (the source's again), `cancelled` (never was ours).
 */
export type SourceState = 'begun' | 'frozen' | 'handing-over' | 'released' | 'kept';
export type TargetState = 'receiving' | 'activating' | 'paging' | 'running' | 'lost' | 'returned' | 'cancelled';

interface EntryFacts {
  readonly version: 1;
  readonly migration: Migration;
  /** As it was at the source when the migration began. */
  readonly record: CnvmRecord;
  readonly peer: string;
  /** No more is owed to the other side. */
  readonly settled: boolean;
}
export type SourceEntry = EntryFacts & { readonly role: 'source'; readonly state: SourceState };
export type TargetEntry = EntryFacts & { readonly role: 'target'; readonly state: TargetState };
export type JournalEntry = SourceEntry | TargetEntry;

/** Settled entries that are kept for people to look at. */
const HISTORY_MAX = 200;

const number = z.number().nonnegative();
const epoch = z.number().int().nonnegative().max(COUNT_MAX);
const round = z.strictObject({
  number,
  frozen: z.boolean(),
  bytes: number,
  pages: number,
  ms: number,
  bytesPerSecond: number,
  dirtyBytesPerSecond: number,
  expectedDowntimeMs: number,
  cpuPercent: number,
} satisfies Record<keyof MemoryRound, z.ZodType>);
const migration = z.strictObject({
  id: z.string().min(1),
  name: z.string(),
  source: z.string(),
  target: z.string(),
  landing: z.string(),
  mode: z.enum(['hot', 'cold']),
  outcome: z.enum(['running', 'succeeded', 'refused', 'aborted', 'stranded', 'in-doubt']),
  phase: z.enum(PHASES),
  startTime: z.iso.datetime(),
  endTime: z.iso.datetime().optional(),
  phases: z.array(z.strictObject({ phase: z.enum(PHASES), ms: number })),
  freezeMs: number,
  freezeParts: z.array(z.strictObject({ name: z.string(), ms: number })),
  totalMs: number,
  memoryBytes: number,
  diskBytes: number,
  error: z.string(),
  role: z.enum(['source', 'target']),
  location: z.string(),
  epoch,
  // What was written before there were rounds has none.
  memoryMode: z.enum(MEMORY_MODES).optional(),
  memoryRounds: z.array(round).default([]),
  maxDowntimeMs: number.default(0),
  expectedDowntimeMs: number.default(0),
} satisfies Record<keyof Migration, z.ZodType>);
const facts = {
  version: z.literal(1),
  peer: z.string(),
  settled: z.boolean(),
  record: z.unknown(),
  migration,
};
const frame = z.discriminatedUnion('role', [
  z.strictObject({
    ...facts,
    role: z.literal('source'),
    state: z.enum(['begun', 'frozen', 'handing-over', 'released', 'kept'] satisfies SourceState[]),
  }),
  z.strictObject({
    ...facts,
    role: z.literal('target'),
    state: z.enum([
      'receiving',
      'activating',
      'paging',
      'running',
      'lost',
      'returned',
      'cancelled',
    ] satisfies TargetState[]),
  }),
]);

export type Journal = ReturnType<typeof openJournal>;

/** @throws when an entry cannot be read: to guess would risk two copies. */
export function openJournal(directory: string) {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  sweepTemporaries(directory);
  const entries = new Map<string, JournalEntry>();
  const writes = new Map<string, Promise<void>>();
  for (const file of readdirSync(directory)) {
    if (!file.endsWith('.json')) continue;
    const entry = parseEntry(readFileSync(join(directory, file), 'utf8'), join(directory, file));
    const { id } = entry.migration;
    if (file !== `${id}.json`) throw new Error(`the journal entry ${join(directory, file)} is that of ${id}`);
    entries.set(id, entry);
  }
  const fileOf = (id: string) => join(directory, `${id}.json`);
  const newestFirst = () =>
    [...entries.values()].sort((a, b) => b.migration.startTime.localeCompare(a.migration.startTime));

  async function forget(id: string): Promise<void> {
    await removeFileDurably(fileOf(id));
    entries.delete(id);
  }

  return {
    get: (id: string): JournalEntry | undefined => entries.get(id),
    newestFirst,
    /** Afterwards the entry is durable. Of two that are written at once the later stays. */
    async write(entry: JournalEntry): Promise<void> {
      const { id } = entry.migration;
      const writing = (writes.get(id) ?? Promise.resolve())
        .catch(() => undefined)
        .then(async () => {
          await writeFileAtomic(fileOf(id), entryText(entry));
          entries.set(id, entry);
        });
      writes.set(id, writing);
      try {
        await writing;
      } finally {
        if (writes.get(id) === writing) writes.delete(id);
      }
    },
    /** For when the disk takes no more: known to this process alone. */
    remember(entry: JournalEntry): void {
      entries.set(entry.migration.id, entry);
    },
    /** For what came to nothing: nobody can ask about it. */
    forget,
    /** Forgets the oldest settled entries beyond what people look at. */
    async prune(): Promise<void> {
      const settled = newestFirst().filter((entry) => entry.settled);
      for (const { migration } of settled.slice(HISTORY_MAX)) await forget(migration.id);
    },
  };
}

/** The text of an entry. It ends with a sum: one letter that has changed on disk can make another state or epoch. */
export function entryText(entry: JournalEntry): string {
  const text = JSON.stringify(entry);
  return `${JSON.stringify({ ...entry, sum: sumOf(text) })}\n`;
}

/** @throws with the file's name when the text is not an entry that this version understands, as it was written. */
export function parseEntry(text: string, file: string): JournalEntry {
  try {
    const { sum, ...json } = JSON.parse(text) as JournalEntry & { readonly sum: unknown };
    const read = frame.parse(json);
    if (sum !== sumOf(JSON.stringify(json))) throw new Error('it is not as it was written');
    const record = parseRecord(JSON.stringify(json.record));
    if (json.migration.name !== record.name || json.migration.role !== json.role)
      throw new Error('it contradicts itself');
    return { ...json, migration: read.migration as Migration, record };
  } catch (error) {
    throw new Error(`the journal entry ${file} cannot be read: ${messageOf(error)}`, { cause: error });
  }
}

function sumOf(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
