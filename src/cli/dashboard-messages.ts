/** What the watch says, as the dashboard's page is told it. Pure. */
import type { PageChange, PageCnvm, PageMigration, PageNode, PageSnapshot } from '../dashboard/words.js';
import { MigrationOutcome } from '../gen/cnvm/v1/migration.js';
import {
  type WatchEvent,
  WatchEventType,
  type WatchedCnvm,
  type WatchedMember,
  type WatchedMigration,
} from '../gen/cnvm/v1/watch.js';
import { phaseText } from './progress.js';
import { wordOf } from './text.js';
import { eventText, type Mesh, memberText, stateText } from './watch-text.js';

export function pageSnapshot({ node, members, cnvms, migrations }: Mesh): PageSnapshot {
  return { node, nodes: members.map(pageNode), cnvms: cnvms.map(pageCnvm), migrations: migrations.map(pageMigration) };
}

/** Undefined for an event that a newer daemon has. */
export function pageChange(event: WatchEvent): PageChange | undefined {
  const { type, subject } = event;
  const line = eventText(event) ?? '';
  switch (subject?.$case) {
    case 'member': {
      const gone = type === WatchEventType.MEMBER_FORGOTTEN;
      return { kind: 'node', key: subject.value.name, value: gone ? undefined : pageNode(subject.value), line };
    }
    case 'cnvm': {
      const gone = type === WatchEventType.CNVM_REMOVED;
      return { kind: 'cnvm', key: subject.value.name, value: gone ? undefined : pageCnvm(subject.value), line };
    }
    case 'migration': {
      const gone = type === WatchEventType.MIGRATION_UNHEARD;
      return { kind: 'migration', key: subject.value.id, value: gone ? undefined : pageMigration(subject.value), line };
    }
    case undefined:
      return undefined;
  }
}

function pageNode(member: WatchedMember): PageNode {
  const { name, state, self, version, cpus, loadCenti, memoryTotalBytes, memoryAvailableBytes, cordoned } = member;
  return {
    ...{ name, self, version, cpus, cordoned, state: memberText(state), load: loadCenti / 100 },
    memoryTotalBytes: Number(memoryTotalBytes),
    memoryAvailableBytes: Number(memoryAvailableBytes),
  };
}

function pageCnvm({ name, address, owner, epoch, state, conflict }: WatchedCnvm): PageCnvm {
  return { name, address, owner, epoch: Number(epoch), state: stateText(state), conflict };
}

function pageMigration(migration: WatchedMigration): PageMigration {
  const { id, name, source, target, outcome, phase, startTime, endTime, freezeMs, totalMs, error, progress } =
    migration;
  const runs = outcome === MigrationOutcome.RUNNING;
  return {
    ...{ id, name, source, target, error, totalMs, downtimeMs: freezeMs },
    outcome: wordOf(outcome, 'MIGRATION_OUTCOME_'),
    phase: wordOf(phase, 'MIGRATION_PHASE_'),
    doing: phaseText(phase),
    startMs: startTime?.getTime() ?? 0,
    // One that has ended has an end, also where a node did not say when.
    endMs: runs ? 0 : (endTime ?? startTime ?? new Date(1)).getTime(),
    memoryBytes: Number(migration.memoryBytes),
    diskBytes: Number(migration.diskBytes),
    bytesDone: Number(progress?.bytesDone ?? 0n),
    bytesTotal: Number(progress?.bytesTotal ?? 0n),
    bytesPerSecond: Number(progress?.bytesPerSecond ?? 0n),
    round: progress?.round ?? 0,
    expectedDowntimeMs: progress?.expectedDowntimeMs ?? 0,
  };
}
