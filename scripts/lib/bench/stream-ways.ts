/** What the processes of the stream benchmark tell each other. */
import type { TlsFiles } from '../../../src/pki/identity.js';

/** The ways that are compared, each over its own connection. */
export const WAYS = ['tcp', 'tls', 'stream'] as const;
export type Way = (typeof WAYS)[number];

/** A request on a bare socket: how many bytes are to come, big-endian. */
export const REQUEST_BYTES = 8;

export interface StreamOrder {
  readonly tls: TlsFiles;
  /** For the source's operators; a path that is free. */
  readonly socket: string;
  readonly chunkBytes: number;
  /** Each round moves so many. */
  readonly bytes: number;
}

/** Where the source serves each way. */
export type SourcePorts = Readonly<Record<Way, number>>;

export interface TargetOrder extends StreamOrder {
  readonly ports: SourcePorts;
}

/** What the target is told: to pull by a way; what either is asked: how much CPU time it has had. */
export type StreamCall = { readonly pull: Way } | 'cpu';

/** One way, once. */
export interface WayResult {
  readonly way: Way;
  readonly ms: number;
}

/** Seconds that this process has had in all its threads. */
export function cpuSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}
