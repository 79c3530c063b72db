/**
 * What a watcher sees: how the mesh stands, and what has happened between two looks at it. Invariant: whoever applies the
 * happenings to the first look, in their order, has the second one. Pure.
 */
import type { CnvmState } from '../cnvms/cnvm.js';
import type { MemoryMode, Migration, Mode, Outcome, Phase, Progress } from '../migration/migration.js';

export interface WatchedMember {
  readonly name: string;
  /** HOST:PORT of its gRPC endpoint. */
  readonly endpoint: string;
  readonly overlayAddress: string;
  /** Undefined: never met. */
  readonly state: 'alive' | 'suspect' | 'dead' | 'left' | undefined;
  /** The node that looks. */
  readonly self: boolean;
  readonly version: string;
  readonly cpus: number;
  readonly loadCenti: number;
  readonly memoryTotalBytes: number;
  readonly memoryAvailableBytes: number;
  /** It takes no new cnvms. */
  readonly cordoned: boolean;
}

export interface WatchedCnvm {
  readonly name: string;
  readonly address: string;
  readonly owner: string;
  readonly epoch: number;
  readonly state: CnvmState;
  /** NAME@DIGEST. */
  readonly image: string;
  /** Who else claims it, in words; empty when nobody does. */
  readonly conflict: string;
}

/** A migration as both of its nodes can tell it. */
export interface WatchedMigration {
  readonly id: string;
  /** The cnvm's. */
  readonly name: string;
  readonly source: string;
  readonly target: string;
  readonly mode: Mode;
  readonly memoryMode: MemoryMode | undefined;
  readonly outcome: Outcome;
  readonly phase: Phase;
  /** ISO 8601. */
  readonly startTime: string;
  readonly endTime: string | undefined;
  readonly phases: Migration['phases'];
  readonly freezeMs: number;
  readonly totalMs: number;
  readonly memoryBytes: number;
  readonly diskBytes: number;
  readonly error: string;
  /** Undefined before the first figures, and when it has ended. */
  readonly progress: Progress | undefined;
}

/** How everything stands; by name, and migrations by id. */
export interface Standing {
  readonly members: ReadonlyMap<string, WatchedMember>;
  readonly cnvms: ReadonlyMap<string, WatchedCnvm>;
  readonly migrations: ReadonlyMap<string, WatchedMigration>;
}

export const NOTHING: Standing = { members: new Map(), cnvms: new Map(), migrations: new Map() };

export type MemberChange = 'joined' | 'alive' | 'suspect' | 'dead' | 'left' | 'changed' | 'forgotten';
export type CnvmChange = 'created' | 'started' | 'stopped' | 'removed' | 'moved' | 'in-doubt' | 'contested' | 'changed';
export type MigrationChange = 'begun' | 'phase' | 'progress' | 'ended' | 'unheard';

export type Happening =
  | { readonly kind: 'member'; readonly change: MemberChange; readonly member: WatchedMember }
  | {
      readonly kind: 'cnvm';
      readonly change: CnvmChange;
      readonly cnvm: WatchedCnvm;
      /** The owner before, of one that was moved. */
      readonly from: string;
    }
  | { readonly kind: 'migration'; readonly change: MigrationChange; readonly migration: WatchedMigration };

/** What a watcher wants; all of it where nothing is said. */
export interface Wanted {
  readonly kinds: readonly Happening['kind'][];
  /** Of a node, or of a cnvm; empty: whatever it is called. */
  readonly name: string;
}

/** What has happened from one look to the next. */
export function happenings(before: Standing, after: Standing): Happening[] {
  return [
    ...entries(before.members, after.members).flatMap(([old, now]) => memberHappening(old, now)),
    ...entries(before.migrations, after.migrations).flatMap(([old, now]) => migrationHappening(old, now)),
    ...entries(before.cnvms, after.cnvms).flatMap(([old, now]) => cnvmHappening(old, now)),
  ];
}

function entries<T>(before: ReadonlyMap<string, T>, after: ReadonlyMap<string, T>): [T | undefined, T | undefined][] {
  const gone = [...before].filter(([key]) => !after.has(key)).map(([, old]): [T, undefined] => [old, undefined]);
  return [...gone, ...[...after].map(([key, now]): [T | undefined, T] => [before.get(key), now])];
}

function memberHappening(before: WatchedMember | undefined, after: WatchedMember | undefined): Happening[] {
  const member = after ?? before;
  if (member === undefined || same(before, after)) return [];
  const tell = (change: MemberChange): Happening[] => [{ kind: 'member', change, member }];
  if (after === undefined) return tell('forgotten');
  if (before === undefined) return tell('joined');
  return tell(before.state === after.state ? 'changed' : (after.state ?? 'changed'));
}

function cnvmHappening(before: WatchedCnvm | undefined, after: WatchedCnvm | undefined): Happening[] {
  const cnvm = after ?? before;
  if (cnvm === undefined || same(before, after)) return [];
  const from = before !== undefined && before.owner !== cnvm.owner ? before.owner : '';
  return [{ kind: 'cnvm', change: cnvmChange(before, after), cnvm, from }];
}

function cnvmChange(before: WatchedCnvm | undefined, after: WatchedCnvm | undefined): CnvmChange {
  if (after === undefined) return 'removed';
  if (after.conflict !== '' && after.conflict !== before?.conflict) return 'contested';
  if (before === undefined) return 'created';
  if (after.owner !== before.owner) return 'moved';
  if (after.state === before.state) return 'changed';
  if (after.state === 'in-doubt') return 'in-doubt';
  if (after.state === 'stopped') return 'stopped';
  // One that was frozen and thaws was never started.
  return after.state === 'running' && before.state === 'stopped' ? 'started' : 'changed';
}

function migrationHappening(before: WatchedMigration | undefined, after: WatchedMigration | undefined): Happening[] {
  const migration = after ?? before;
  if (migration === undefined || same(before, after)) return [];
  const tell = (change: MigrationChange): Happening[] => [{ kind: 'migration', change, migration }];
  // One that had ended is only forgotten.
  if (after === undefined) return migration.outcome === 'running' ? tell('unheard') : [];
  if (after.outcome !== 'running') return before?.outcome === after.outcome ? [] : tell('ended');
  if (before === undefined) return tell('begun');
  return tell(before.phase === after.phase ? 'progress' : 'phase');
}

/** They are small, and made by one hand, so that their fields come in one order. */
const same = (one: unknown, other: unknown): boolean => JSON.stringify(one) === JSON.stringify(other);

/** Whether a watcher wants to hear of it. */
export function wants({ kinds, name }: Wanted, happening: Happening): boolean {
  if (kinds.length > 0 && !kinds.includes(happening.kind)) return false;
  return name === '' || namesOf(happening).includes(name);
}

function namesOf(happening: Happening): string[] {
  switch (happening.kind) {
    case 'member':
      return [happening.member.name];
    case 'cnvm':
      return [happening.cnvm.name, happening.cnvm.owner, happening.from];
    case 'migration':
      return [happening.migration.name, happening.migration.source, happening.migration.target];
  }
}

/** What a watcher wants of how everything stands. */
export function wantedOf(wanted: Wanted, { members, cnvms, migrations }: Standing): Standing {
  const those = <T>(all: ReadonlyMap<string, T>, happeningOf: (one: T) => Happening) =>
    new Map([...all].filter(([, one]) => wants(wanted, happeningOf(one))));
  return {
    members: those(members, (member) => ({ kind: 'member', change: 'changed', member })),
    cnvms: those(cnvms, (cnvm) => ({ kind: 'cnvm', change: 'changed', cnvm, from: '' })),
    migrations: those(migrations, (migration) => ({ kind: 'migration', change: 'progress', migration })),
  };
}

/** What is told of a migration, of all that this node knows of it. */
export function watchedOf(migration: Migration, progress?: Progress): WatchedMigration {
  const { id, name, source, target, mode, memoryMode, outcome, phase, startTime, endTime, phases } = migration;
  const { freezeMs, totalMs, memoryBytes, diskBytes, error } = migration;
  const known = { id, name, source, target, mode, memoryMode, outcome, phase, startTime, endTime, phases };
  return { ...known, freezeMs, totalMs, memoryBytes, diskBytes, error, progress };
}
