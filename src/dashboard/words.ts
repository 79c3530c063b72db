/** What the dashboard's server tells its page: plain words and numbers, as JSON. */

export interface PageNode {
  readonly name: string;
  /** "alive", "suspect", "dead", "left", or "never met". */
  readonly state: string;
  readonly self: boolean;
  /** It takes no new cnvms. */
  readonly cordoned: boolean;
  readonly version: string;
  readonly cpus: number;
  readonly load: number;
  readonly memoryTotalBytes: number;
  readonly memoryAvailableBytes: number;
}

export interface PageCnvm {
  readonly name: string;
  readonly address: string;
  readonly owner: string;
  readonly epoch: number;
  /** "running", "stopped" and so on. */
  readonly state: string;
  readonly conflict: string;
}

export interface PageMigration {
  readonly id: string;
  readonly name: string;
  readonly source: string;
  readonly target: string;
  /** "running", "succeeded" and so on. */
  readonly outcome: string;
  /** "seed", "hand-over" and so on. */
  readonly phase: string;
  /** What it does now, for people. */
  readonly doing: string;
  readonly startMs: number;
  /** 0 while it runs. */
  readonly endMs: number;
  readonly downtimeMs: number;
  readonly totalMs: number;
  readonly memoryBytes: number;
  readonly diskBytes: number;
  readonly error: string;
  readonly bytesDone: number;
  readonly bytesTotal: number;
  readonly bytesPerSecond: number;
  readonly round: number;
  readonly expectedDowntimeMs: number;
}

export interface PageSnapshot {
  /** The node that was asked. */
  readonly node: string;
  readonly nodes: readonly PageNode[];
  readonly cnvms: readonly PageCnvm[];
  readonly migrations: readonly PageMigration[];
}

/** One thing as it is now, or gone. */
export interface PageChange {
  readonly kind: 'node' | 'cnvm' | 'migration';
  /** Its name, or a migration's id. */
  readonly key: string;
  /** Undefined: it is gone. */
  readonly value: PageNode | PageCnvm | PageMigration | undefined;
  /** A line for people; empty when it is only another figure. */
  readonly line: string;
}

/** The phases of a migration in their order, but for that of post-copy, which few have. */
export const STEPS = ['negotiate', 'seed', 'precopy', 'freeze', 'hand-over', 'activate', 'release'];
