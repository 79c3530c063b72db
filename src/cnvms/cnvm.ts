/**
 * What a cnvm is: the record that travels with it, and the states it can be in on one node.
 * Invariant: a record is plain JSON, the same on every node but for `owner`, `epoch` and `landing`.
 */
import type { Wishes } from './labels.js';

export interface Limits {
  /** 0 means no limit of its own; likewise below. */
  readonly memoryBytes: number;
  /** Thousandths of one CPU. */
  readonly cpuMillis: number;
  readonly pids: number;
}

export interface ImageRef {
  /** For people; it may stand for another image by now. */
  readonly name: string;
  /** `sha256:HEX` of the image's manifest: what the cnvm is made from. */
  readonly digest: string;
}

/** A port of the owner that leads to one of the cnvm. */
export interface PublishedPort {
  readonly nodePort: number;
  readonly cnvmPort: number;
  readonly protocol: 'tcp' | 'udp';
}

/** What it runs, where that is not what its image says. */
export interface ProgramOrder {
  /** In the place of the image's; empty: the image's. */
  readonly entrypoint: readonly string[];
  readonly command: readonly string[];
  /** KEY=value, added to the image's. */
  readonly env: readonly string[];
}

/** Everything durable that is known of a cnvm. */
export interface CnvmRecord {
  /** A DNS name, unique in the mesh. */
  readonly name: string;
  /** Its IPv4 address on the overlay. */
  readonly address: string;
  readonly image: ImageRef;
  readonly limits: Limits;
  /** ISO 8601. */
  readonly createTime: string;
  /** Grows by one at each hand-over. */
  readonly epoch: number;
  /** The node that may run it. */
  readonly owner: string;
  /** The directory that its own directory lies in, absolute. */
  readonly landing: string;
  /** Whether its owner wants it running, for example again after the machine's restart. */
  readonly wanted: 'running' | 'stopped';
  /** None: it is reached at its own address alone. */
  readonly ports?: readonly PublishedPort[] | undefined;
  /** Undefined: it runs what its image says. */
  readonly program?: ProgramOrder | undefined;
  /** What it says of itself, and of whom it wants beside it. Undefined: nothing. */
  readonly wishes?: Wishes | undefined;
}

/**
 * - `stopped`, `running`: at rest.
 * - `frozen`: in a hand-over; nothing in it runs, nothing is lost.
 * - `arriving`: a migration to this node is under way; a peer still owns it.
 * - `in-doubt`: handed over, and the peer has not said what came of it; it is started nowhere.
 * - `removing`: on its way out.
 */
export type CnvmState = 'stopped' | 'running' | 'frozen' | 'arriving' | 'in-doubt' | 'removing';

/** A record with what is true of it now. */
export interface CnvmView {
  readonly record: CnvmRecord;
  readonly state: CnvmState;
  /** Process id of its init; 0 when it does not run. */
  readonly pid: number;
  readonly memoryBytes: number;
  readonly diskBytes: number;
  /** Its own directory, absolute; empty when it lives on a peer. */
  readonly directory: string;
  readonly uidBase: number;
  /** What is wrong with who owns it, in words; empty when nothing is. */
  readonly conflict: string;
}

export interface NewCnvm {
  readonly name: string;
  /** The image's name. */
  readonly image: string;
  /** Undefined: the next free one. */
  readonly address: string | undefined;
  readonly limits: Limits;
  /** Undefined: the node's first landing zone. */
  readonly landing: string | undefined;
  readonly start: boolean;
  readonly ports: readonly PublishedPort[];
  /** Publish each port that the image says it listens on, by the same number. */
  readonly publishExposed: boolean;
  readonly program: ProgramOrder;
  readonly wishes: Wishes;
}
