/**
 * What a migration is, to those who watch it: its phases, its outcome, its events. Invariant: phases are listed in the
 * order in which they happen, and an ended migration never changes.
 */
import type { RefusalKind } from '../base/errors.js';

export const PHASES = [
  'negotiate',
  'seed',
  'precopy',
  'freeze',
  'hand-over',
  'activate',
  'postcopy',
  'release',
] as const;
export type Phase = (typeof PHASES)[number];

export type Mode = 'hot' | 'cold';

/**
 * How the memory of a hot one moves:
 * - `pre-copy`: in rounds while it runs, and the rest while it is frozen.
 * - `stop-copy`: all of it while it is frozen.
 */
export const MEMORY_MODES = ['pre-copy', 'stop-copy', 'post-copy'] as const;
export type MemoryMode = (typeof MEMORY_MODES)[number];

/**
 * What is done about processes that write faster than the link carries:
 * - `stop-copy`: freeze all the same, and move what is left.
 * - `throttle`: give them less of the CPU, step by step; frozen all the same when that does not help.
 * - `cancel`: let it run on where it is.
 */
export type OnSlow = 'stop-copy' | 'throttle' | 'cancel';

/** Memory that was moved at one go. */
export interface MemoryRound {
  /** From 1 on; those that broke are counted, and not listed. */
  readonly number: number;
  /** The last one, within the freeze. */
  readonly frozen: boolean;
  /** As they went over the link. */
  readonly bytes: number;
  readonly pages: number;
  /** From its first byte until the target had all of it. */
  readonly ms: number;
  readonly bytesPerSecond: number;
  /** What the processes wrote from the round before to this one; 0 in one that does not build on another. */
  readonly dirtyBytesPerSecond: number;
  /** What a freeze right after it was expected to cost; 0 in the last one. */
  readonly expectedDowntimeMs: number;
  /** Of what the processes used before they were throttled; 100 when they were not. */
  readonly cpuPercent: number;
}

/**
 * - `running`: not ended.
 * - `succeeded`: the target owns it and runs it.
 * - `refused`: before anything changed.
 * - `aborted`: rolled back; it runs at the source as before.
 * - `stranded`: stopped; its location says where. After a post-copy that broke it is the target's, its memory lost.
 * - `in-doubt`: the target was told to take it and has not said whether it did.
 */
export type Outcome = 'running' | 'succeeded' | 'refused' | 'aborted' | 'stranded' | 'in-doubt';

/** How what goes out is made smaller; `auto` looks at the link, again and again. */
export type Compress = 'auto' | 'none' | 'zstd';

/** A span within the freeze. */
export interface FreezePart {
  readonly name: string;
  readonly ms: number;
}

export interface Migration {
  readonly id: string;
  /** The cnvm's name. */
  readonly name: string;
  readonly source: string;
  readonly target: string;
  /** On the target, absolute. */
  readonly landing: string;
  readonly mode: Mode;
  readonly outcome: Outcome;
  readonly phase: Phase;
  /** ISO 8601. */
  readonly startTime: string;
  readonly endTime: string | undefined;
  readonly phases: readonly { readonly phase: Phase; readonly ms: number }[];
  /** Downtime: from the fence at the source to "running" at the target, by the source's clock. 0 until then. */
  readonly freezeMs: number;
  readonly freezeParts: readonly FreezePart[];
  readonly totalMs: number;
  readonly memoryBytes: number;
  readonly diskBytes: number;
  /** What went wrong, where the cnvm is now, what to do; empty after success. */
  readonly error: string;
  /** The part that this node played. */
  readonly role: 'source' | 'target';
  /** The node where the cnvm is, as far as this node knows. */
  readonly location: string;
  readonly epoch: number;
  /** Undefined in a cold one, and before it is agreed on. */
  readonly memoryMode: MemoryMode | undefined;
  /** Those that were whole, in their order. */
  readonly memoryRounds: readonly MemoryRound[];
  /** What it aims for; 0 when nothing was said. */
  readonly maxDowntimeMs: number;
  /** What the freeze is, or was, expected to cost; 0 when that is not known. */
  readonly expectedDowntimeMs: number;
}

export interface Progress {
  readonly phase: Phase;
  readonly bytesDone: number;
  /** 0 when it is not known. */
  readonly bytesTotal: number;
  readonly bytesPerSecond: number;
  readonly phaseMs: number;
  /** Of memory, from 1 on; 0 while none moves. */
  readonly round: number;
  readonly pagesDone: number;
  /** Of the round before; 0 when it is not known. */
  readonly dirtyBytesPerSecond: number;
  /** 0 when it is not known. */
  readonly expectedDowntimeMs: number;
  /** Until what is expected has moved, at the present rate; 0 when it is not known. */
  readonly leftMs: number;
}

/** The answer to a dry run; it would be refused when there are refusals. */
export interface Plan {
  readonly name: string;
  readonly source: string;
  readonly target: string;
  readonly landing: string;
  readonly mode: Mode;
  readonly refusals: readonly string[];
  readonly warnings: readonly string[];
  readonly memoryBytes: number;
  readonly diskBytes: number;
  readonly memoryMode: MemoryMode | undefined;
  readonly maxDowntimeMs: number;
  /** The least that is expected: with pre-copy only the rounds show what the processes write. 0 in a cold one. */
  readonly expectedDowntimeMs: number;
}

export type MigrationEvent =
  | { readonly kind: 'started'; readonly migration: Migration }
  | { readonly kind: 'progress'; readonly progress: Progress }
  | { readonly kind: 'step'; readonly text: string }
  | { readonly kind: 'plan'; readonly plan: Plan }
  | {
      readonly kind: 'ended';
      readonly migration: Migration;
      /** What kind of no it was, when it was refused. */
      readonly refusal?: RefusalKind | undefined;
    };

export interface MigrateOrder {
  readonly name: string;
  /** A peer's name, address or overlay address. */
  readonly target: string;
  /** Undefined: the target's first landing zone. */
  readonly landing: string | undefined;
  /** Undefined: hot when it runs, cold when it is stopped. */
  readonly mode: Mode | undefined;
  readonly dryRun: boolean;
  /** What is to be aimed for. */
  readonly maxDowntimeMs: number;
  readonly onSlow: OnSlow;
  /** Rather refused, or called off, than with a longer downtime. */
  readonly strict: boolean;
  /** Bytes a second, of all that goes out; 0: as fast as it goes. */
  readonly bandwidth: number;
  readonly compress: Compress;
  /** Run it at the target before its memory is there. */
  readonly postCopy: boolean;
  /** This node is being evacuated. */
  readonly evacuation?: boolean;
}

/** When nobody said another: hardly longer than a person takes for a stutter. */
export const MAX_DOWNTIME_MS = 300;

/** Also the name of files and directories, so nothing else may be in it. */
const MIGRATION_ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

export function isMigrationId(text: string): boolean {
  return MIGRATION_ID.test(text);
}

/** What one end knows of a migration when it begins. */
export type MigrationStart = Pick<
  Migration,
  'id' | 'name' | 'source' | 'target' | 'landing' | 'mode' | 'memoryBytes' | 'diskBytes' | 'role' | 'epoch'
>;

/** A migration that begins now: it runs, nothing of it is done, and the cnvm is at the source. */
export function beginMigration(start: MigrationStart): Migration {
  return {
    ...start,
    outcome: 'running',
    phase: 'negotiate',
    startTime: new Date().toISOString(),
    endTime: undefined,
    phases: [],
    freezeMs: 0,
    freezeParts: [],
    totalMs: 0,
    error: '',
    location: start.source,
    memoryMode: undefined,
    memoryRounds: [],
    maxDowntimeMs: 0,
    expectedDowntimeMs: 0,
  };
}
