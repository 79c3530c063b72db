/** What snapshots need of the rest of the house. */
import type { Logger } from 'pino';
import type { CnvmRecord, CnvmView } from '../cnvms/cnvm.js';
import type { Cnvms, DirectoryPort } from '../cnvms/cnvms.js';
import type { Locks } from '../cnvms/locks.js';
import type { Machine } from '../cnvms/machine.js';
import type { Reserving } from '../cnvms/reserve-port.js';
import type { Store } from '../cnvms/store.js';
import type { NodeFacts, NodeStatus } from '../mesh/node-facts.js';
import type { Bulk } from '../migration/bulk.js';

export interface SnapshotPorts {
  readonly node: string;
  readonly stateDir: string;
  readonly overlayNetwork: string;
  readonly landingZones: readonly string[];
  /** So long nothing may move while a cnvm stands still. */
  readonly stallMs: number;
  readonly machine: Machine;
  readonly bulk: Bulk;
  readonly store: Store;
  readonly locks: Locks;
  readonly cnvms: Pick<Cnvms, 'recordOf' | 'stateOf' | 'demand' | 'marks'> & {
    get(name: string): Promise<CnvmView>;
  };
  readonly directory: Pick<DirectoryPort, 'taken' | 'rival'>;
  readonly images: {
    has(digest: string): boolean;
    /** Afterwards it stays, until what is returned is called. */
    hold(digest: string): () => void;
  };
  readonly facts: () => Promise<NodeFacts>;
  readonly nodes: () => Promise<readonly NodeStatus[]>;
  /** Bytes that are free where a directory lies. */
  readonly available: (directory: string) => Promise<number>;
  /** Which of its ports are in use on this node, each a sentence. */
  readonly portsTaken: (record: CnvmRecord) => Promise<readonly string[]>;
  /** The record is ours. */
  readonly keep: (record: CnvmRecord) => Promise<void>;
  /** It is about to run here: every peer is told. */
  readonly claim: (record: CnvmRecord) => void;
  readonly disclaim: (record: CnvmRecord) => void;
  readonly announce: () => void;
  /** Two nodes may restore one snapshot at the same instant: one of them has the name. */
  readonly reserving: Reserving;
  /** @throws `refused` while this node takes no new work. */
  readonly demandOpen: () => void;
  readonly audit: (facts: Readonly<Record<string, string | number>>) => Promise<void>;
  readonly log: Logger;
}
