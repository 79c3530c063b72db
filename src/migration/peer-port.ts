/**
 * What the two ends of a migration ask of each other, whatever carries it. Invariant: every call names the migration, may
 * arrive twice, and is answered the same both times.
 */
import type { Duplex } from 'node:stream';
import type { LayerSize, Progress } from '../images/image.js';
import type { TakeOrder } from '../images/peer-port.js';
import type { NodeFacts } from '../mesh/node-facts.js';
import type { Compress, FreezePart, MemoryMode, Mode } from './migration.js';

export interface Offer {
  readonly migration: string;
  /** The cnvm's record in JSON, as the source's store keeps it. */
  readonly record: string;
  /** The source's epoch; the hand-over will be at epoch + 1. */
  readonly epoch: number;
  readonly mode: Mode;
  /** Undefined: the target's first landing zone. */
  readonly landing: string | undefined;
  readonly memoryBytes: number;
  readonly diskBytes: number;
  readonly source: NodeFacts;
  readonly dryRun: boolean;
  /** How the source can move the memory, and wants to; undefined in a cold one, and from a source that knows but one way. */
  readonly memoryMode: MemoryMode | undefined;
  /** What the source may compress with. */
  readonly compression: Compress;
  /** What its image is made of; none from a source that cannot give it. */
  readonly layers: readonly LayerSize[];
  /** The source is being evacuated. */
  readonly evacuation?: boolean;
}

export interface OfferAnswer {
  /** Every reason why not; empty means yes. */
  readonly refusals: readonly string[];
  readonly warnings: readonly string[];
  /** Absolute, on the target. */
  readonly landing: string;
  /** How it is to move; undefined in a cold one, and from a target that knows no rounds. */
  readonly memoryMode: MemoryMode | undefined;
  /** What the target can undo, of what was offered. */
  readonly compression: Compress;
  /** It would take it, and lacks its image: nothing is reserved until it has that, and is offered it again. */
  readonly lacksImage: boolean;
  /** The no is only for now. */
  readonly busy?: boolean;
}

/** A round of memory, or the last dump in the place of one. */
export interface RoundOrder {
  /** From 1 on, and greater than that of any before; 0 when there are no rounds. */
  readonly round: number;
  /** What it builds on; 0: nothing, all of the memory comes. */
  readonly parent: number;
}

/** The last dump, and the last pass of the disk. */
export interface PrepareOrder extends RoundOrder {
  /** What is newer, by the source's clock (ms of the epoch), may have changed without a trace in its time. */
  readonly flushedMs: number;
  /** The source can say what has changed, when it is frozen. */
  readonly changes: boolean;
}

export interface Prepared {
  /** The last pass of the disk waits for what has changed, and brings that alone. */
  readonly changes: boolean;
}

/** As `Bulk.changes` tells them; undefined: anything may have been changed. */
export type Changed = Uint8Array | undefined;

export interface RoundTaken {
  /** Of pages, as they came. */
  readonly bytes: number;
  /** Why not all of it is there; empty when all is well. */
  readonly broken: string;
}

export interface Collected {
  readonly diskBytes: number;
  readonly imageBytes: number;
  readonly parts: readonly FreezePart[];
}

export type HandOverResult =
  | { readonly kind: 'running'; readonly parts: readonly FreezePart[] }
  | { readonly kind: 'returned'; readonly reason: string; readonly epoch: number };

/** What a node's journal says of a migration to it; see `Standing` in the protocol. */
export type Standing =
  | 'unknown'
  | 'receiving'
  | 'activating'
  | 'paging'
  | 'running'
  | 'lost'
  | 'returned'
  | 'cancelled';

export interface QueryAnswer {
  readonly standing: Standing;
  readonly reason: string;
  readonly epoch: number;
}

/** The target, as the source sees it. `timeoutMs` and `signal` end the wait, not the work. */
export interface TargetLink {
  /** Has it bring an image, from here or from a nearer peer; ends when it has it. */
  takeImage(order: TakeOrder, signal: AbortSignal): AsyncIterable<Progress>;
  offer(offer: Offer, call: CallLimits): Promise<OfferAnswer>;
  seed(migration: string, call: CallLimits): Promise<{ diskBytes: number }>;
  /** When not all of it is there, by its answer or for want of one, the next one must build on none. */
  round(migration: string, order: RoundOrder, call: CallLimits): Promise<RoundTaken>;
  prepare(migration: string, order: PrepareOrder, call: CallLimits): Promise<Prepared>;
  collect(migration: string, changed: Changed, call: CallLimits): Promise<Collected>;
  handOver(migration: string, epoch: number, call: CallLimits): Promise<HandOverResult>;
  release(migration: string, call: CallLimits): Promise<void>;
  cancel(migration: string, reason: string, call: CallLimits): Promise<void>;
  query(migration: string, call: CallLimits): Promise<QueryAnswer>;
}

export interface CallLimits {
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

/** The target, as it serves its peers; `from` is the name in the caller's certificate. */
export interface TargetPort {
  offer(offer: Offer, from: string): Promise<OfferAnswer>;
  seed(migration: string, from: string): Promise<{ diskBytes: number }>;
  round(migration: string, order: RoundOrder, from: string): Promise<RoundTaken>;
  prepare(migration: string, order: PrepareOrder, from: string): Promise<Prepared>;
  collect(migration: string, changed: Changed, from: string): Promise<Collected>;
  handOver(migration: string, epoch: number, from: string): Promise<HandOverResult>;
  release(migration: string, from: string): Promise<void>;
  cancel(migration: string, reason: string, from: string): Promise<void>;
  query(migration: string, from: string): Promise<QueryAnswer>;
}

export type Channel = 'pages' | 'disk';

/** What a tunnel is to carry. */
export interface Wanted {
  readonly channel: Channel;
  readonly round: number;
}

export interface ImageChunk {
  /** A file's name, without a slash. */
  readonly file: string;
  readonly data: Uint8Array;
  /** Its last bytes; a source that does not know of it never says so. */
  readonly last: boolean;
}

/** The source's bulk, as the target pulls it. */
export interface BulkLink {
  /** The same link, which asks for its tunnels to be compressed so. */
  asking(compression: Compress): BulkLink;
  /** Afterwards it has answered, on the connection that bulk takes. @throws `refused` when it does not for long. */
  reach(signal: AbortSignal): Promise<void>;
  /** @param round whose pages are wanted; 0 for the disk, and when there are no rounds. */
  tunnel(migration: string, channel: Channel, round: number): Duplex;
  /** Ends, as a failure, when the signal fires. */
  pullImages(migration: string, signal: AbortSignal): AsyncIterable<ImageChunk>;
}

/** The source's bulk, as it serves the one peer that it offered the cnvm to. */
export interface BulkPort {
  /** Resolves when the stream has ended. */
  tunnel(migration: string, wanted: Wanted, from: string, stream: Duplex): Promise<void>;
  pullImages(migration: string, from: string): AsyncIterable<ImageChunk>;
}
