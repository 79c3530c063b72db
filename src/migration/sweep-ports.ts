/**
 * What a sweep must leave alone, out of all that a daemon knows. Invariant: who is in none of these lists has nothing on
 * this node; each is filled in before the first thing of a cnvm or a migration is made, and emptied after the last is gone.
 */
import type { Logger } from 'pino';
import type { CnvmRecord } from '../cnvms/cnvm.js';
import type { Locks } from '../cnvms/locks.js';
import type { Store } from '../cnvms/store.js';
import type { History } from './history.js';
import type { Journal } from './journal.js';
import type { Known } from './residue.js';
import type { SweepPorts } from './sweep.js';

export interface Knowledge {
  readonly store: Store;
  readonly journal: Journal;
  readonly locks: Locks;
  readonly history: History;
  readonly marks: ReadonlyMap<string, unknown>;
  /** What is about to run here, and no record says so yet. */
  readonly claims: ReadonlyMap<string, CnvmRecord>;
  readonly log: Logger;
}

export function sweepPorts(knowledge: Knowledge): SweepPorts {
  const { locks, log } = knowledge;
  const taken = new Set<string>();
  return {
    log,
    known: () => knownTo(knowledge, taken),
    take(name) {
      if (locks.doing(name) !== undefined) return undefined;
      const letGo = locks.take(name, 'being swept');
      taken.add(name);
      return () => {
        taken.delete(name);
        letGo();
      };
    },
  };
}

/** @param swept names that are locked by the sweep itself. */
function knownTo({ store, journal, locks, history, marks, claims }: Knowledge, swept: ReadonlySet<string>): Known {
  const open = journal.newestFirst().filter(({ settled }) => !settled);
  const records = [...store.all(), ...open.map(({ record }) => record), ...claims.values()];
  const busy = [...locks.names().filter((name) => !swept.has(name)), ...marks.keys()];
  return {
    names: new Set([...records.map(({ name }) => name), ...busy]),
    addresses: new Set(records.map(({ address }) => address)),
    migrations: new Set([...open.map(({ migration }) => migration.id), ...history.running()]),
  };
}
