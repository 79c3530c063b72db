/**
 * What a migration is, to those who watch it: its phases, its outcome, its events. Invariant: phases are listed in the
 * order in which they happen, and an ended migration never changes.
 */

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
 * - `running`: not ended.
 * - `succeeded`: the target owns it and runs it.
 * - `refused`: before anything changed.
 * - `aborted`: rolled back; it runs at the source as before.
 * - `stranded`: stopped; its location says where. After a post-copy that broke it is the target's, its memory lost.
 * - `in-doubt`: the target was told to take it and has not said whether it did.
 */
export type Outcome = 'running' | 'succeeded' | 'refused' | 'aborted' | 'stranded' | 'in-doubt';

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
  /** It runs at the target before its memory is there. Undefined in the entries of older daemons: it does not. */
  readonly postCopy?: boolean | undefined;
}

export interface Progress {
  readonly phase: Phase;
  readonly bytesDone: number;
  /** 0 when it is not known. */
  readonly bytesTotal: number;
  readonly bytesPerSecond: number;
  readonly phaseMs: number;
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
  readonly postCopy: boolean;
}

export type MigrationEvent =
  | { readonly kind: 'started'; readonly migration: Migration }
  | { readonly kind: 'progress'; readonly progress: Progress }
  | { readonly kind: 'step'; readonly text: string }
  | { readonly kind: 'plan'; readonly plan: Plan }
  | { readonly kind: 'ended'; readonly migration: Migration };

export interface MigrateOrder {
  readonly name: string;
  /** A peer's name, address or overlay address. */
  readonly target: string;
  /** Undefined: the target's first landing zone. */
  readonly landing: string | undefined;
  /** Undefined: hot when it runs, cold when it is stopped. */
  readonly mode: Mode | undefined;
  readonly dryRun: boolean;
  /** Run it at the target before its memory is there. */
  readonly postCopy: boolean;
}

/** Also the name of files and directories, so nothing else may be in it. */
const MIGRATION_ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

export function isMigrationId(text: string): boolean {
  return MIGRATION_ID.test(text);
}

/** What one end knows of a migration when it begins. */
export type MigrationStart = Pick<
  Migration,
  'id' | 'name' | 'source' | 'target' | 'landing' | 'mode' | 'memoryBytes' | 'diskBytes' | 'role' | 'epoch' | 'postCopy'
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
  };
}
