/** The makings of one migration from here. Invariant: what is made here has not begun; nothing of it is on disk. */
import { randomUUID } from 'node:crypto';
import { messageOf, refused } from '../base/errors.js';
import { createUndo } from '../base/undo.js';
import type { CnvmRecord } from '../cnvms/cnvm.js';
import type { Bulk } from './bulk.js';
import type { Aims } from './convergence.js';
import { type FreezeCost, freezeCost } from './freeze-cost.js';
import type { History } from './history.js';
import { beginMigration, type Compress, type Migration, type Mode } from './migration.js';
import { createOutgoing } from './outgoing.js';
import type { HandOverResult, TargetLink } from './peer-port.js';
import { createReport } from './report.js';
import type { SourcePorts, SourceRun } from './source-run.js';
import { createThrottle } from './throttle.js';

export interface Target {
  readonly name: string;
  readonly link: TargetLink;
}

export interface Departure {
  readonly run: SourceRun;
  /** Calls it off; without a meaning after the hand-over. */
  readonly abort: AbortController;
  /** After the hand-over: takes it back without the target's word. */
  readonly force: (result: HandOverResult) => void;
}

export interface Surroundings {
  readonly ports: SourcePorts;
  readonly bulk: Bulk;
  readonly history: History;
}

export interface DepartureOrder {
  readonly landing: string | undefined;
  /** Whether it ran when the migration began. */
  readonly running: boolean;
  readonly aims: Aims;
  /** Bytes a second; 0 without a limit. */
  readonly bandwidth: number;
  readonly compress: Compress;
  /** Run it at the target before its memory is there. */
  readonly postCopy: boolean;
  /** This node is being evacuated. */
  readonly evacuation: boolean;
}

/** So many are looked at for what a freeze cost. */
const PAST_MAX = 50;

/** What its freeze is expected to cost, by those before it. @param memoryBytes all that is put into place meanwhile. */
export function expectedCost(history: History, target: string, memoryBytes: number): FreezeCost {
  return freezeCost(history.list(undefined, PAST_MAX), target, memoryBytes);
}

export function newMigration(
  record: CnvmRecord,
  mode: Mode,
  ends: { readonly source: string; readonly target: string },
  usage: { readonly memoryBytes: number; readonly diskBytes: number },
): Migration {
  const memoryBytes = mode === 'hot' ? usage.memoryBytes : 0;
  const { name, epoch } = record;
  const { diskBytes } = usage;
  return beginMigration({
    id: randomUUID(),
    name,
    ...ends,
    landing: '',
    mode,
    memoryBytes,
    diskBytes,
    role: 'source',
    epoch,
  });
}

export function newDeparture(
  { ports, bulk, history }: Surroundings,
  migration: Migration,
  record: CnvmRecord,
  target: Target,
  order: DepartureOrder,
): Departure {
  const report = createReport(migration, history.open(migration.id));
  history.follow(migration.id, report);
  const log = ports.log.child({ migration: migration.id, cnvm: record.name, peer: target.name });
  const abort = new AbortController();
  let force: Departure['force'] = () => undefined;
  const forced = new Promise<HandOverResult>((resolve) => {
    force = resolve;
  });
  const outgoing = createOutgoing({
    migration: migration.id,
    to: target.name,
    disk: ports.machine.diskDirectory(record),
    bulk,
    onBytes: (_, count) => report.bytes(count),
    throttle: order.bandwidth === 0 ? undefined : createThrottle(order.bandwidth),
  });
  const undo = createUndo((what, error) => log.error({ what, error: messageOf(error) }, 'could not undo'));
  const { memoryBytes } = migration;
  const run: SourceRun = {
    ...{ record, mode: migration.mode, ...order, target, outgoing, report, undo },
    ...{
      signal: abort.signal,
      ports: { ...ports, log },
      dump: undefined,
      forced,
      flushedMs: 0,
      clockWasSet: () => true,
      tellChanges: false,
      frozenAtMs: undefined,
    },
    cost: expectedCost(history, target.name, order.postCopy ? 0 : memoryBytes),
    memoryMode: migration.memoryMode,
    lastRound: { round: 0, parent: 0, bytes: memoryBytes, dirtyBytesPerSecond: 0, cpuPercent: 100 },
  };
  return { run, abort, force };
}

/** A target that the config does not name any more: nothing can be asked of it. */
export function lostTarget(name: string): Target {
  const lost = () => Promise.reject(refused('unavailable', `${name} is no peer any more`));
  const calls = { offer: lost, seed: lost, round: lost, prepare: lost, collect: lost, handOver: lost, release: lost };
  const takeImage = () => ({ [Symbol.asyncIterator]: () => ({ next: lost }) });
  return { name, link: { ...calls, takeImage, cancel: lost, query: lost } };
}
