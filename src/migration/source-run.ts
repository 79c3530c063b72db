/** What one migration from here is made of, for the files that tell its story. */
import type { Logger } from 'pino';
import type { Undo } from '../base/undo.js';
import type { CnvmRecord } from '../cnvms/cnvm.js';
import type { Dump, Machine } from '../cnvms/machine.js';
import type { LayerSize } from '../images/image.js';
import type { NodeFacts } from '../mesh/node-facts.js';
import type { Aims } from './convergence.js';
import type { FreezeCost } from './freeze-cost.js';
import type { Journal, SourceState } from './journal.js';
import type { Compress, MemoryMode, Mode } from './migration.js';
import type { Outgoing } from './outgoing.js';
import { type Layout, layoutOf } from './page-words.js';
import type { HandOverResult, RoundOrder, TargetLink } from './peer-port.js';
import type { Report } from './report.js';

/** One migration from here, from its first line to its last. */
export interface SourceRun {
  readonly record: CnvmRecord;
  readonly mode: Mode;
  readonly aims: Aims;
  /** What its freeze is expected to cost, before anything was measured in it. */
  readonly cost: FreezeCost;
  /** Whether it ran when the migration began. */
  readonly running: boolean;
  /** Undefined: the target's first landing zone. */
  readonly landing: string | undefined;
  readonly compress: Compress;
  /** It is to run at the target before its memory is there. */
  readonly postCopy: boolean;
  /** This node is being evacuated. */
  readonly evacuation: boolean;
  readonly target: { readonly name: string; readonly link: TargetLink };
  readonly outgoing: Outgoing;
  readonly report: Report;
  readonly undo: Undo;
  readonly signal: AbortSignal;
  readonly ports: SourcePorts;
  /** As both ends have agreed; undefined before, and in a cold migration. */
  memoryMode: MemoryMode | undefined;
  /** Of the dump in the freeze. */
  lastRound: LastRound;
  /** Undefined before it is made ready, in a cold migration, and when it was made by a daemon that has died since. */
  dump: Dump | undefined;
  /** A person's word, in the place of a target's that never comes; after the hand-over alone. */
  readonly forced: Promise<HandOverResult>;
  /** Files whose time is older are known not to have changed since; ms of the epoch. */
  flushedMs: number;
  /** Whether the clock has been set since: then no file's time says when it was changed. */
  clockWasSet: () => boolean;
  /** The target waits to be told what has changed. */
  tellChanges: boolean;
  /** When the freeze began, by this process's clock; undefined before. */
  frozenAtMs: number | undefined;
}

/** What is left for the freeze. */
export interface LastRound extends RoundOrder {
  /** As it is expected; 0 when it is not known. */
  readonly bytes: number;
  readonly dirtyBytesPerSecond: number;
  /** Of what the processes used before they were throttled; 100 when they are not. */
  readonly cpuPercent: number;
}

export interface SourcePorts {
  readonly node: string;
  readonly facts: () => Promise<NodeFacts>;
  readonly machine: Machine;
  readonly images: {
    /** None when it is not here whole. */
    layersOf(digest: string): readonly LayerSize[];
  };
  readonly journal: Journal;
  /** From now on traffic for it goes to `owner`. */
  readonly moved: (record: CnvmRecord, owner: string, epoch: number) => Promise<void>;
  /** The record is ours, as it is here. */
  readonly keep: (record: CnvmRecord) => Promise<void>;
  /** The record is a peer's. */
  readonly forget: (record: CnvmRecord) => Promise<void>;
  /** The record of that name here, if there is one. */
  readonly current: (name: string) => CnvmRecord | undefined;
  /** Tells every peer what is ours now. */
  readonly announce: () => void;
  readonly log: Logger;
}

/** How long a short call may take. */
export const CALL_MS = 10_000;

/** Durable before the act that it announces. */
export async function note(run: SourceRun, state: SourceState, settled = state === 'kept'): Promise<void> {
  const { report, record, target, ports } = run;
  await ports.journal.write({
    version: 1,
    role: 'source',
    state,
    migration: report.migration,
    record,
    peer: target.name,
    settled,
  });
}

/** In which our criu says what the pages are. */
export async function layoutHere({ ports }: SourceRun): Promise<Layout> {
  return layoutOf((await ports.facts()).criuVersion);
}
