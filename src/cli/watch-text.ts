/** What happens in the mesh, as lines for people. Pure. */
import type { CnvmState } from '../gen/cnvm/v1/cnvm.js';
import { MigrationOutcome } from '../gen/cnvm/v1/migration.js';
import { NodeState } from '../gen/cnvm/v1/node.js';
import {
  type WatchEvent,
  WatchEventType,
  type WatchedCnvm,
  type WatchedMember,
  type WatchedMigration,
} from '../gen/cnvm/v1/watch.js';
import { phaseText } from './progress.js';
import { bytesText, msText, table, wordOf } from './text.js';

/** How everything stands. */
export interface Mesh {
  readonly node: string;
  readonly members: readonly WatchedMember[];
  readonly cnvms: readonly WatchedCnvm[];
  readonly migrations: readonly WatchedMigration[];
}

export const stateText = (state: CnvmState): string => wordOf(state, 'CNVM_STATE_');
export const memberText = (state: NodeState): string =>
  state === NodeState.UNSPECIFIED ? 'never met' : wordOf(state, 'NODE_STATE_');

/** A few lines that say how everything stands. */
export function standingText({ node, members, cnvms, migrations }: Mesh): string {
  const running = migrations.filter(({ outcome }) => outcome === MigrationOutcome.RUNNING);
  const states = counted(members.map(({ state }) => memberText(state)));
  const lines = [
    `seen from ${node || 'a node'}: ${members.length} nodes (${states}), ${cnvms.length} cnvms, ${running.length} migrations under way`,
    ...cnvms.map((cnvm) => `  ${cnvm.name} on ${cnvm.owner}, ${stateText(cnvm.state)}${conflictText(cnvm)}`),
    ...running.map((one) => `  ${wayText(one)}: ${phaseText(one.phase)}`),
  ];
  return lines.map((line) => `${line}\n`).join('');
}

const conflictText = ({ conflict }: WatchedCnvm): string => (conflict === '' ? '' : ` (!) ${conflict}`);

function counted(words: readonly string[]): string {
  const all = [...new Set(words)];
  return all.map((word) => `${words.filter((one) => one === word).length} ${word}`).join(', ') || 'none';
}

const wayText = ({ name, source, target }: WatchedMigration): string => `${name} ${source} -> ${target}`;

/** A line for an event; undefined for one that only a program wants to see. */
export function eventText({ time, type, subject, from }: WatchEvent): string | undefined {
  const words =
    subject?.$case === 'member'
      ? memberEvent(type, subject.value)
      : subject?.$case === 'cnvm'
        ? cnvmEvent(type, subject.value, from)
        : subject?.$case === 'migration'
          ? migrationEvent(type, subject.value)
          : undefined;
  return words === undefined ? undefined : `${clockText(time)}  ${(subject?.$case ?? '').padEnd(9)}  ${words}`;
}

/** By the clock of whoever reads. */
function clockText(time: Date | undefined): string {
  const two = (value: number) => String(value).padStart(2, '0');
  return time === undefined ? '' : [time.getHours(), time.getMinutes(), time.getSeconds()].map(two).join(':');
}

function memberEvent(type: WatchEventType, member: WatchedMember): string | undefined {
  if (type === WatchEventType.MEMBER_CHANGED) return undefined;
  if (type === WatchEventType.MEMBER_JOINED) return `${member.name} joined, ${memberText(member.state)}`;
  return `${member.name} ${wordOf(type, 'WATCH_EVENT_TYPE_MEMBER_')}`;
}

function cnvmEvent(type: WatchEventType, cnvm: WatchedCnvm, from: string): string {
  const { name, owner, epoch, state } = cnvm;
  switch (type) {
    case WatchEventType.CNVM_MOVED:
      return `${name} moved from ${from} to ${owner}, epoch ${epoch}${conflictText(cnvm)}`;
    case WatchEventType.CNVM_CONTESTED:
      return `${name} (!) ${cnvm.conflict}`;
    case WatchEventType.CNVM_CREATED:
      return `${name} is on ${owner}, ${stateText(state)}${conflictText(cnvm)}`;
    case WatchEventType.CNVM_CHANGED:
      return `${name} ${stateText(state)} on ${owner}${conflictText(cnvm)}`;
    default:
      return `${name} ${wordOf(type, 'WATCH_EVENT_TYPE_CNVM_')} on ${owner}`;
  }
}

function migrationEvent(type: WatchEventType, migration: WatchedMigration): string | undefined {
  const way = wayText(migration);
  switch (type) {
    case WatchEventType.MIGRATION_PROGRESS:
      return undefined;
    case WatchEventType.MIGRATION_UNHEARD:
      return `${way}: neither of the two is reached; it was in: ${phaseText(migration.phase)}`;
    case WatchEventType.MIGRATION_ENDED:
      return `${way}: ${endedText(migration)}`;
    case WatchEventType.MIGRATION_BEGUN:
      return `${way} begun: ${phaseText(migration.phase)}`;
    default:
      return `${way}: ${phaseText(migration.phase)}`;
  }
}

/** How one ended, with its figures. */
export function endedText({ outcome, freezeMs, totalMs, memoryBytes, diskBytes, error }: WatchedMigration): string {
  const word = wordOf(outcome, 'MIGRATION_OUTCOME_');
  if (outcome !== MigrationOutcome.SUCCEEDED) return error === '' ? word : `${word}: ${error}`;
  const frozen = freezeMs === 0 ? '' : `, downtime ${msText(freezeMs)}`;
  return `${word}${frozen}, ${bytesText(Number(memoryBytes))} of memory, ${bytesText(Number(diskBytes))} of disk, ${msText(totalMs)} in all`;
}

/** The nodes as a table. */
export function membersTable({ members, cnvms }: Mesh): string {
  const rows = [...members]
    .sort((one, other) => one.name.localeCompare(other.name))
    .map((member) => [
      `${member.name}${member.self ? ' *' : ''}`,
      `${memberText(member.state)}${member.cordoned ? ', cordoned' : ''}`,
      String(cnvms.filter(({ owner }) => owner === member.name).length),
      (member.loadCenti / 100).toFixed(2),
      member.cpus === 0 ? '-' : String(member.cpus),
      member.memoryTotalBytes === 0n
        ? '-'
        : `${bytesText(Number(member.memoryAvailableBytes))} of ${bytesText(Number(member.memoryTotalBytes))}`,
      member.endpoint,
    ]);
  return table(['NODE', 'STATE', 'CNVMS', 'LOAD', 'CPUS', 'MEMORY FREE', 'ENDPOINT'], rows);
}

/** The cnvms as a table. */
export function cnvmsTable({ cnvms }: Mesh): string {
  const rows = [...cnvms]
    .sort((one, other) => one.name.localeCompare(other.name))
    .map((cnvm) => [
      cnvm.name,
      stateText(cnvm.state),
      cnvm.owner,
      cnvm.address,
      String(cnvm.epoch),
      `${cnvm.image.replace(/@.*/, '')}${conflictText(cnvm)}`,
    ]);
  return table(['CNVM', 'STATE', 'NODE', 'ADDRESS', 'EPOCH', 'IMAGE'], rows);
}
