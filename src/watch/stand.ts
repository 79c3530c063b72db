/**
 * How the mesh stands, put together from what is known here. Invariant: who owns a cnvm is what this node goes by; its owner
 * alone says what state it is in; of a migration the source's word goes before the target's, but for which phase it is in, and nobody else's counts. Pure.
 */
import type { CnvmView } from '../cnvms/cnvm.js';
import type { Card } from '../mesh/swim/card.js';
import type { Liveness } from '../mesh/swim/words.js';
import { PHASES } from '../migration/migration.js';
import type { Standing, WatchedCnvm, WatchedMember, WatchedMigration } from './happenings.js';

/** What a node has said of itself, as it stands now. */
export interface OwnWord {
  readonly cnvms: readonly WatchedCnvm[];
  readonly migrations: ReadonlyMap<string, WatchedMigration>;
}

export interface Known {
  readonly node: string;
  /** This node's own card; undefined before it takes part. */
  readonly own: Card | undefined;
  readonly others: Iterable<{ readonly name: string; readonly state: Liveness; readonly card: Card }>;
  /** The cnvms of other nodes, as this node goes by them. */
  readonly elsewhere: readonly CnvmView[];
  /** By node; this one's too. */
  readonly words: ReadonlyMap<string, OwnWord>;
}

/** Of migrations that have ended so many are kept. */
const PAST_MAX = 50;

export function stand({ node, own, others, elsewhere, words }: Known): Standing {
  const members = new Map<string, WatchedMember>();
  if (own !== undefined) members.set(node, memberOf(node, 'alive', own, true));
  for (const { name, state, card } of others) members.set(name, memberOf(name, state, card, false));
  return { members, cnvms: cnvmsOf(node, elsewhere, words), migrations: migrationsOf(words) };
}

function memberOf(name: string, state: WatchedMember['state'], card: Card, self: boolean): WatchedMember {
  const { cpus, loadCenti, memoryTotalBytes, memoryAvailableBytes } = card.facts;
  const { endpoint, overlayAddress, version, cordoned } = card;
  const facts = { cpus, loadCenti, memoryTotalBytes, memoryAvailableBytes };
  return { name, endpoint, overlayAddress, state, self, version, cordoned, ...facts };
}

function cnvmsOf(node: string, elsewhere: readonly CnvmView[], words: Known['words']): Map<string, WatchedCnvm> {
  const all = new Map<string, WatchedCnvm>();
  for (const { record, state, conflict } of elsewhere) {
    const { name, address, owner, epoch, image } = record;
    const theirs = words.get(owner)?.cnvms.find((one) => one.name === name && one.epoch === epoch);
    const known = { name, address, owner, epoch, state: theirs?.state ?? state };
    all.set(name, { ...known, image: `${image.name}@${image.digest}`, conflict });
  }
  for (const cnvm of words.get(node)?.cnvms ?? [])
    if (cnvm.epoch >= (all.get(cnvm.name)?.epoch ?? 0)) all.set(cnvm.name, cnvm);
  return all;
}

function migrationsOf(words: Known['words']): Map<string, WatchedMigration> {
  const all = new Map<string, WatchedMigration>();
  const ofTargets: WatchedMigration[] = [];
  for (const [node, { migrations }] of words) {
    for (const [id, migration] of migrations) {
      if (node === migration.source) all.set(id, migration);
      else if (node === migration.target) ofTargets.push(migration);
    }
  }
  for (const theirs of ofTargets) {
    const source = all.get(theirs.id);
    all.set(theirs.id, source === undefined ? theirs : furthest(source, theirs));
  }
  const ended = [...all.values()].filter(({ outcome }) => outcome !== 'running');
  const old = ended.sort((one, other) => other.startTime.localeCompare(one.startTime)).slice(PAST_MAX);
  for (const { id } of old) all.delete(id);
  return all;
}

/** While it runs both are in their phases of it, and the target alone knows when it restores. */
function furthest(source: WatchedMigration, target: WatchedMigration): WatchedMigration {
  const isBehind = PHASES.indexOf(source.phase) < PHASES.indexOf(target.phase);
  if (source.outcome !== 'running' || target.outcome !== 'running' || !isBehind) return source;
  return { ...source, phase: target.phase, progress: target.progress };
}
