/** What a watcher and a peer hear, as messages and back. Invariant: what comes out of a peer's message is sound, and short. */
import { cutText } from '../base/cut-text.js';
import { refused } from '../base/errors.js';
import { nameRefusal } from '../cnvms/check-new.js';
import type { FollowResponse } from '../gen/cnvm/peer/v1/watch.js';
import type { MigrationProgress } from '../gen/cnvm/v1/migration.js';
import { NodeState } from '../gen/cnvm/v1/node.js';
import * as wire from '../gen/cnvm/v1/watch.js';
import { nodeNameRefusal } from '../mesh/swim/card.js';
import { isMigrationId, type Progress } from '../migration/migration.js';
import type {
  CnvmChange,
  Happening,
  MemberChange,
  MigrationChange,
  Standing,
  WatchedCnvm,
  WatchedMember,
  WatchedMigration,
} from '../watch/happenings.js';
import type { News } from '../watch/own-feed.js';
import {
  fromCnvmState,
  fromMeasure,
  fromMemoryMode,
  fromMode,
  fromOutcome,
  fromPhase,
  toBig,
  toCnvmState,
  toMemoryMode,
  toMode,
  toOutcome,
  toPhase,
  toProgress,
} from './messages.js';

const { WatchEventType: Type, WatchKind } = wire;

const MEMBER_TYPES: Readonly<Record<MemberChange, wire.WatchEventType>> = {
  joined: Type.MEMBER_JOINED,
  alive: Type.MEMBER_ALIVE,
  suspect: Type.MEMBER_SUSPECT,
  dead: Type.MEMBER_DEAD,
  left: Type.MEMBER_LEFT,
  changed: Type.MEMBER_CHANGED,
  forgotten: Type.MEMBER_FORGOTTEN,
};
const CNVM_TYPES: Readonly<Record<CnvmChange, wire.WatchEventType>> = {
  created: Type.CNVM_CREATED,
  started: Type.CNVM_STARTED,
  stopped: Type.CNVM_STOPPED,
  removed: Type.CNVM_REMOVED,
  moved: Type.CNVM_MOVED,
  'in-doubt': Type.CNVM_IN_DOUBT,
  contested: Type.CNVM_CONTESTED,
  changed: Type.CNVM_CHANGED,
};
const MIGRATION_TYPES: Readonly<Record<MigrationChange, wire.WatchEventType>> = {
  begun: Type.MIGRATION_BEGUN,
  phase: Type.MIGRATION_PHASE,
  progress: Type.MIGRATION_PROGRESS,
  ended: Type.MIGRATION_ENDED,
  unheard: Type.MIGRATION_UNHEARD,
};
const STATES: Readonly<Record<NonNullable<WatchedMember['state']>, NodeState>> = {
  alive: NodeState.ALIVE,
  suspect: NodeState.SUSPECT,
  dead: NodeState.DEAD,
  left: NodeState.LEFT,
};
const KINDS: Readonly<Record<Happening['kind'], wire.WatchKind>> = {
  member: WatchKind.MEMBER,
  cnvm: WatchKind.CNVM,
  migration: WatchKind.MIGRATION,
};

/** A part of a snapshot stays far below the smallest limit for a message, of 4 MiB. */
const PART_MAX = 1_000;

/** @throws `refused` when one is asked for that this version does not know. */
export function fromKinds(kinds: readonly wire.WatchKind[]): Happening['kind'][] {
  const all = Object.keys(KINDS) as Happening['kind'][];
  return kinds.map((kind) => {
    const known = all.find((one) => KINDS[one] === kind);
    if (known === undefined) throw refused('invalid', 'the field "kinds" holds what is not known here');
    return known;
  });
}

/** One after another they are the snapshot. */
export function* toSnapshots(node: string, { members, cnvms, migrations }: Standing): Generator<wire.WatchSnapshot> {
  const all = [
    ...[...members.values()].map((one) => ({ members: [toMember(one)] })),
    ...[...cnvms.values()].map((one) => ({ cnvms: [toWatchedCnvm(one)] })),
    ...[...migrations.values()].map((one) => ({ migrations: [toWatchedMigration(one)] })),
  ];
  const time = new Date();
  for (let from = 0; from === 0 || from < all.length; from += PART_MAX) {
    const part = all.slice(from, from + PART_MAX);
    yield {
      time,
      node,
      members: part.flatMap((one) => ('members' in one ? one.members : [])),
      cnvms: part.flatMap((one) => ('cnvms' in one ? one.cnvms : [])),
      migrations: part.flatMap((one) => ('migrations' in one ? one.migrations : [])),
      more: from + PART_MAX < all.length,
    };
  }
}

export function toWatchEvent(happening: Happening): wire.WatchEvent {
  const time = new Date();
  switch (happening.kind) {
    case 'member': {
      const subject = { $case: 'member', value: toMember(happening.member) } as const;
      return { time, type: MEMBER_TYPES[happening.change], subject, from: '' };
    }
    case 'cnvm': {
      const subject = { $case: 'cnvm', value: toWatchedCnvm(happening.cnvm) } as const;
      return { time, type: CNVM_TYPES[happening.change], subject, from: happening.from };
    }
    case 'migration': {
      const subject = { $case: 'migration', value: toWatchedMigration(happening.migration) } as const;
      return { time, type: MIGRATION_TYPES[happening.change], subject, from: '' };
    }
  }
}

function toMember(member: WatchedMember): wire.WatchedMember {
  return {
    ...member,
    state: member.state === undefined ? NodeState.UNSPECIFIED : STATES[member.state],
    memoryTotalBytes: toBig(member.memoryTotalBytes),
    memoryAvailableBytes: toBig(member.memoryAvailableBytes),
  };
}

const toWatchedCnvm = (cnvm: WatchedCnvm): wire.WatchedCnvm => ({
  ...cnvm,
  epoch: toBig(cnvm.epoch),
  state: toCnvmState(cnvm.state),
});

function toWatchedMigration(migration: WatchedMigration): wire.WatchedMigration {
  const { mode, memoryMode, outcome, phase, phases, startTime, endTime, progress } = migration;
  return {
    ...migration,
    mode: toMode(mode),
    memoryMode: toMemoryMode(memoryMode),
    outcome: toOutcome(outcome),
    phase: toPhase(phase),
    phases: phases.map((one) => ({ phase: toPhase(one.phase), ms: one.ms })),
    startTime: new Date(startTime),
    endTime: endTime === undefined ? undefined : new Date(endTime),
    memoryBytes: toBig(migration.memoryBytes),
    diskBytes: toBig(migration.diskBytes),
    progress: progress === undefined ? undefined : toProgress(progress),
  };
}

export function toNews(news: News): FollowResponse {
  switch (news.kind) {
    case 'everything': {
      const cnvms = { cnvms: news.cnvms.map(toWatchedCnvm) };
      return { news: { $case: 'everything', value: { cnvms, migrations: news.migrations.map(toWatchedMigration) } } };
    }
    case 'cnvms':
      return { news: { $case: 'cnvms', value: { cnvms: news.cnvms.map(toWatchedCnvm) } } };
    case 'migration':
      return { news: { $case: 'migration', value: toWatchedMigration(news.migration) } };
  }
}

/** What a peer says of itself, as far as it makes sense; undefined when nothing does. */
export function fromNews({ news }: FollowResponse): News | undefined {
  switch (news?.$case) {
    case 'everything': {
      const { cnvms, migrations } = news.value;
      return {
        kind: 'everything',
        cnvms: (cnvms?.cnvms ?? []).flatMap(fromWatchedCnvm),
        migrations: migrations.slice(0, PART_MAX).flatMap(fromWatchedMigration),
      };
    }
    case 'cnvms':
      return { kind: 'cnvms', cnvms: news.value.cnvms.flatMap(fromWatchedCnvm) };
    case 'migration': {
      const [migration] = fromWatchedMigration(news.value);
      return migration === undefined ? undefined : { kind: 'migration', migration };
    }
    case undefined:
      return undefined;
  }
}

/** As many letters as an image's name and its digest, an address, a reason have at most. */
const IMAGE_MAX = 512;
const ADDRESS_MAX = 64;
const ERROR_MAX = 2_000;
/** There are eight. */
const PHASES_MAX = 16;

function fromWatchedCnvm(cnvm: wire.WatchedCnvm): WatchedCnvm[] {
  const { name, owner } = cnvm;
  const state = fromCnvmState(cnvm.state);
  if (state === undefined || nameRefusal(name) !== undefined || nodeNameRefusal(owner) !== undefined) return [];
  const [address, image] = [cutText(cnvm.address, ADDRESS_MAX), cutText(cnvm.image, IMAGE_MAX)];
  return [{ name, address, owner, epoch: fromMeasure(cnvm.epoch), state, image, conflict: plain(cnvm.conflict) }];
}

function fromWatchedMigration(migration: wire.WatchedMigration): WatchedMigration[] {
  const { id, name, source, target, startTime, endTime, progress } = migration;
  const [mode, outcome, phase] = [fromMode(migration.mode), fromOutcome(migration.outcome), fromPhase(migration.phase)];
  const names = nameRefusal(name) ?? nodeNameRefusal(source) ?? nodeNameRefusal(target);
  if (!isMigrationId(id) || names !== undefined) return [];
  if (mode === undefined || outcome === undefined || phase === undefined || startTime === undefined) return [];
  return [
    {
      ...{ id, name, source, target, mode, outcome, phase },
      memoryMode: fromMemoryMode(migration.memoryMode),
      startTime: startTime.toISOString(),
      endTime: endTime?.toISOString(),
      phases: migration.phases.slice(0, PHASES_MAX).flatMap((one) => {
        const known = fromPhase(one.phase);
        return known === undefined ? [] : [{ phase: known, ms: measure(one.ms) }];
      }),
      freezeMs: measure(migration.freezeMs),
      totalMs: measure(migration.totalMs),
      memoryBytes: fromMeasure(migration.memoryBytes),
      diskBytes: fromMeasure(migration.diskBytes),
      error: plain(migration.error),
      progress: progress === undefined ? undefined : fromProgress(progress),
    },
  ];
}

function fromProgress(progress: MigrationProgress): Progress | undefined {
  const phase = fromPhase(progress.phase);
  if (phase === undefined) return undefined;
  return {
    ...progress,
    phase,
    bytesDone: fromMeasure(progress.bytesDone),
    bytesTotal: fromMeasure(progress.bytesTotal),
    bytesPerSecond: fromMeasure(progress.bytesPerSecond),
    pagesDone: fromMeasure(progress.pagesDone),
    dirtyBytesPerSecond: fromMeasure(progress.dirtyBytesPerSecond),
    expectedDowntimeMs: measure(progress.expectedDowntimeMs),
    leftMs: fromMeasure(progress.leftMs),
  };
}

const measure = (value: number): number => (value > 0 && Number.isFinite(value) ? value : 0);
/** Words that people read on a terminal, which obeys control characters. */
const plain = (text: string): string => cutText(text, ERROR_MAX).replace(/[\p{Cc}]/gu, ' ');
