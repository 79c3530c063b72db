/** Domain values as messages of `cnvm.v1`, and back where they come in. Tables and copies; decides nothing. */

import { COUNT_MAX } from '../base/count.js';
import { cutText } from '../base/cut-text.js';
import { refused } from '../base/errors.js';
import type { CnvmState, CnvmView, Limits, NewCnvm, PublishedPort } from '../cnvms/cnvm.js';
import { NO_WISHES, type Wishes } from '../cnvms/labels.js';
import * as wire from '../gen/cnvm/v1/cnvm.js';
import * as wireMigration from '../gen/cnvm/v1/migration.js';
import type {
  Compress,
  FreezePart,
  MemoryMode,
  Migration,
  MigrationEvent,
  Mode,
  OnSlow,
  Outcome,
  Phase,
  Plan,
  Progress,
} from '../migration/migration.js';

const STATES: Readonly<Record<CnvmState, wire.CnvmState>> = {
  stopped: wire.CnvmState.STOPPED,
  running: wire.CnvmState.RUNNING,
  frozen: wire.CnvmState.FROZEN,
  arriving: wire.CnvmState.ARRIVING,
  'in-doubt': wire.CnvmState.IN_DOUBT,
  removing: wire.CnvmState.REMOVING,
};

const PHASES: Readonly<Record<Phase, wireMigration.MigrationPhase>> = {
  negotiate: wireMigration.MigrationPhase.NEGOTIATE,
  seed: wireMigration.MigrationPhase.SEED,
  precopy: wireMigration.MigrationPhase.PRECOPY,
  freeze: wireMigration.MigrationPhase.FREEZE,
  'hand-over': wireMigration.MigrationPhase.HAND_OVER,
  activate: wireMigration.MigrationPhase.ACTIVATE,
  postcopy: wireMigration.MigrationPhase.POSTCOPY,
  release: wireMigration.MigrationPhase.RELEASE,
};

const OUTCOMES: Readonly<Record<Outcome, wireMigration.MigrationOutcome>> = {
  running: wireMigration.MigrationOutcome.RUNNING,
  succeeded: wireMigration.MigrationOutcome.SUCCEEDED,
  refused: wireMigration.MigrationOutcome.REFUSED,
  aborted: wireMigration.MigrationOutcome.ABORTED,
  stranded: wireMigration.MigrationOutcome.STRANDED,
  'in-doubt': wireMigration.MigrationOutcome.IN_DOUBT,
};

const MODES: Readonly<Record<Mode, wireMigration.MigrationMode>> = {
  hot: wireMigration.MigrationMode.HOT,
  cold: wireMigration.MigrationMode.COLD,
};

const MEMORY_MODES: Readonly<Record<MemoryMode, wireMigration.MemoryMode>> = {
  'pre-copy': wireMigration.MemoryMode.PRE_COPY,
  'stop-copy': wireMigration.MemoryMode.STOP_COPY,
  'post-copy': wireMigration.MemoryMode.POST_COPY,
};

const ON_SLOW: Readonly<Record<OnSlow, wireMigration.OnSlow>> = {
  'stop-copy': wireMigration.OnSlow.STOP_COPY,
  throttle: wireMigration.OnSlow.THROTTLE,
  cancel: wireMigration.OnSlow.CANCEL,
};

const COMPRESSIONS: Readonly<Record<Compress, wireMigration.Compression>> = {
  auto: wireMigration.Compression.AUTO,
  none: wireMigration.Compression.NONE,
  zstd: wireMigration.Compression.ZSTD,
};

/** @throws `refused` when a field that must be there is empty. */
export function required(value: string, field: string): string {
  if (value === '') throw refused('invalid', `the field "${field}" is missing`);
  return value;
}

/** @throws `refused` when a count is beyond all reason: as a number it would be another one. */
export function fromBig(value: bigint, field: string): number {
  if (value > BigInt(COUNT_MAX)) throw refused('invalid', `the field "${field}" is ${value}, above ${COUNT_MAX}`);
  return Number(value);
}

/** Something measured, and so good enough when it is rounded. */
export const fromMeasure = (value: bigint): number => Math.min(Number(value), COUNT_MAX);

/** Undefined where the protocol has an empty string. */
export function optional(value: string): string | undefined {
  return value === '' ? undefined : value;
}

export function toCnvm(view: CnvmView): wire.Cnvm {
  const { record } = view;
  return {
    name: record.name,
    address: record.address,
    state: STATES[view.state],
    owner: record.owner,
    epoch: BigInt(record.epoch),
    image: `${record.image.name}@${record.image.digest}`,
    directory: view.directory,
    limits: toLimits(record.limits),
    pid: view.pid,
    createTime: toTime(record.createTime),
    uidBase: view.uidBase,
    memoryBytes: toBig(view.memoryBytes),
    diskBytes: toBig(view.diskBytes),
    ports: record.ports ?? [],
    entrypoint: record.program?.entrypoint ?? [],
    command: record.program?.command ?? [],
    env: record.program?.env ?? [],
    conflict: view.conflict,
    ...toWishes(record.wishes),
  };
}

function toLimits(limits: Limits): wire.Limits {
  return { memoryBytes: toBig(limits.memoryBytes), cpuMillis: limits.cpuMillis, pids: limits.pids };
}

export function fromCreate(request: wire.CreateCnvmRequest): NewCnvm {
  const { limits } = request;
  return {
    name: required(request.name, 'name'),
    image: optional(request.image) ?? 'base',
    address: optional(request.address),
    limits: {
      memoryBytes: fromBig(limits?.memoryBytes ?? 0n, 'limits.memory_bytes'),
      cpuMillis: limits?.cpuMillis ?? 0,
      pids: limits?.pids ?? 0,
    },
    landing: optional(request.landing),
    start: !request.noStart,
    ports: request.ports.map(fromPort),
    publishExposed: request.publishExposed,
    program: { entrypoint: request.entrypoint, command: request.command, env: request.env },
    wishes: { labels: { ...request.labels }, affinity: request.affinity, antiAffinity: request.antiAffinity },
  };
}

/** A copy: what is in a record is never written to. */
export const toWishes = ({ labels, affinity, antiAffinity }: Wishes = NO_WISHES) => ({
  labels: { ...labels },
  affinity: [...affinity],
  antiAffinity: [...antiAffinity],
});

function fromPort({ nodePort, cnvmPort, protocol }: wire.PublishedPort): PublishedPort {
  if (protocol !== 'tcp' && protocol !== 'udp') throw refused('invalid', `"${protocol}" is neither tcp nor udp`);
  return { nodePort, cnvmPort, protocol };
}

export function fromMode(mode: wireMigration.MigrationMode): Mode | undefined {
  return (Object.keys(MODES) as Mode[]).find((candidate) => MODES[candidate] === mode);
}
/** Undefined where none is said, or one that this version does not know. */
export function fromMemoryMode(mode: wireMigration.MemoryMode): MemoryMode | undefined {
  return (Object.keys(MEMORY_MODES) as MemoryMode[]).find((candidate) => MEMORY_MODES[candidate] === mode);
}
export function toMemoryMode(mode: MemoryMode | undefined): wireMigration.MemoryMode {
  return mode === undefined ? wireMigration.MemoryMode.UNSPECIFIED : MEMORY_MODES[mode];
}
/** @throws `refused` for one that this version does not know: to do another thing might be worse than nothing. */
export function fromOnSlow(onSlow: wireMigration.OnSlow): OnSlow {
  if (onSlow === wireMigration.OnSlow.UNSPECIFIED) return 'stop-copy';
  const found = (Object.keys(ON_SLOW) as OnSlow[]).find((candidate) => ON_SLOW[candidate] === onSlow);
  if (found === undefined) throw refused('invalid', 'the field "on_slow" holds what is not known here');
  return found;
}
const keyOf = <K extends string, V>(table: Readonly<Record<K, V>>, value: V): K | undefined =>
  (Object.keys(table) as K[]).find((key) => table[key] === value);
export const toCnvmState = (state: CnvmState): wire.CnvmState => STATES[state];
export const toPhase = (phase: Phase): wireMigration.MigrationPhase => PHASES[phase];
export const toOutcome = (outcome: Outcome): wireMigration.MigrationOutcome => OUTCOMES[outcome];
/** Undefined for one that this version does not know; likewise below. */
export const fromCnvmState = (state: wire.CnvmState): CnvmState | undefined => keyOf(STATES, state);
export const fromPhase = (phase: wireMigration.MigrationPhase): Phase | undefined => keyOf(PHASES, phase);
export const fromOutcome = (outcome: wireMigration.MigrationOutcome): Outcome | undefined => keyOf(OUTCOMES, outcome);
export const toMode = (mode: Mode): wireMigration.MigrationMode => MODES[mode];

/** Undefined for one that is not said, or not known here. */
export function fromCompression(compression: wireMigration.Compression): Compress | undefined {
  return (Object.keys(COMPRESSIONS) as Compress[]).find((candidate) => COMPRESSIONS[candidate] === compression);
}
export const toCompression = (compress: Compress): wireMigration.Compression => COMPRESSIONS[compress];

export function toPart(part: FreezePart): wireMigration.FreezePart {
  return { name: part.name, ms: part.ms };
}

/** What a peer says that the freeze was made of; it goes into our journal. */
export function fromParts(parts: readonly wireMigration.FreezePart[]): FreezePart[] {
  return parts
    .slice(0, PARTS_MAX)
    .map(({ name, ms }) => ({ name: cutText(name, PART_NAME_MAX), ms: ms > 0 && Number.isFinite(ms) ? ms : 0 }));
}
/** Several times what there are. */
const PARTS_MAX = 32;
const PART_NAME_MAX = 64;

export function toMigration(migration: Migration): wireMigration.Migration {
  return {
    ...migration,
    mode: MODES[migration.mode],
    outcome: OUTCOMES[migration.outcome],
    phase: PHASES[migration.phase],
    startTime: toTime(migration.startTime),
    endTime: migration.endTime === undefined ? undefined : toTime(migration.endTime),
    phases: migration.phases.map(({ phase, ms }) => ({ phase: PHASES[phase], ms })),
    freezeParts: migration.freezeParts.map(toPart),
    memoryMode: toMemoryMode(migration.memoryMode),
    memoryRounds: migration.memoryRounds.map((round) => ({
      ...round,
      bytes: toBig(round.bytes),
      pages: toBig(round.pages),
      bytesPerSecond: toBig(round.bytesPerSecond),
      dirtyBytesPerSecond: toBig(round.dirtyBytesPerSecond),
    })),
    memoryBytes: toBig(migration.memoryBytes),
    diskBytes: toBig(migration.diskBytes),
    epoch: toBig(migration.epoch),
  };
}

function toPlan(plan: Plan): wireMigration.MigrationPlan {
  const bytes = { memoryBytes: toBig(plan.memoryBytes), diskBytes: toBig(plan.diskBytes) };
  return { ...plan, mode: MODES[plan.mode], memoryMode: toMemoryMode(plan.memoryMode), ...bytes };
}

export function toEvent(event: MigrationEvent): wireMigration.MigrationEvent {
  switch (event.kind) {
    case 'started':
      return { event: { $case: 'started', value: toMigration(event.migration) } };
    case 'ended':
      return { event: { $case: 'ended', value: toMigration(event.migration) } };
    case 'step':
      return { event: { $case: 'step', value: event.text } };
    case 'plan':
      return { event: { $case: 'plan', value: toPlan(event.plan) } };
    case 'progress':
      return { event: { $case: 'progress', value: toProgress(event.progress) } };
  }
}

export function toProgress(progress: Progress): wireMigration.MigrationProgress {
  return {
    ...progress,
    phase: PHASES[progress.phase],
    bytesDone: toBig(progress.bytesDone),
    bytesTotal: toBig(progress.bytesTotal),
    bytesPerSecond: toBig(progress.bytesPerSecond),
    pagesDone: toBig(progress.pagesDone),
    dirtyBytesPerSecond: toBig(progress.dirtyBytesPerSecond),
    leftMs: toBig(progress.leftMs),
  };
}

function toTime(iso: string): Date | undefined {
  return iso === '' ? undefined : new Date(iso);
}

/** Counts are whole and never negative; a measured one may be neither by a hair. */
export function toBig(value: number): bigint {
  return BigInt(Math.max(0, Math.round(value)));
}
