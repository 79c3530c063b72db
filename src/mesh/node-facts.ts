/** What a node tells its peers about itself: what decides whether a running cnvm can go on there. */
import type { ImageRef } from '../cnvms/cnvm.js';

/** Version of `cnvm.peer.v1` as spoken; both ends of a migration must be equal. */
export const PROTOCOL_VERSION = 1;
/** The oldest that is still understood: one before, when there is one. */
export const PROTOCOL_OLDEST = 1;

export interface LandingZone {
  readonly path: string;
  readonly availableBytes: number;
}

export interface NodeFacts {
  readonly name: string;
  readonly version: string;
  readonly protocolVersion: number;
  readonly criuVersion: string;
  readonly runcVersion: string;
  /** What its dumps are made of; 0 where the node does not say. */
  readonly dumpFormat: number;
  readonly kernelRelease: string;
  /** As Node.js names it: x64, arm64. */
  readonly architecture: string;
  readonly cpuFlags: readonly string[];
  readonly memoryTotalBytes: number;
  readonly memoryAvailableBytes: number;
  readonly landingZones: readonly LandingZone[];
  /** The kernel tracks dirty pages for pre-copy. */
  readonly softDirty: boolean;
  /** What keeps this node from moving a cnvm by post-copy, each a sentence; empty when nothing does. */
  readonly postCopyObstacles: readonly string[];
  readonly images: readonly ImageRef[];
  readonly overlayAddress: string;
  /** What goes between nodes is "wireguard" or "none"; empty where the node does not say. */
  readonly overlayEncryption: string;
  /** WireGuard's public key, and its UDP port. */
  readonly overlayKey: string;
  readonly overlayPort: number;
  readonly cnvmCount: number;
  /** Why it takes no new work, in words; empty when it does. */
  readonly cordon: string;
  /** What is wrong with it so that it were better empty, each a sentence; empty when nothing is. */
  readonly strains: readonly string[];
}

/** What is true of the machine alone, whatever the daemon does. */
export type HostFacts = Omit<NodeFacts, 'cordon' | 'strains'>;

/** One line of the node's self-check. */
export interface Finding {
  readonly level: 'ok' | 'warning' | 'error';
  /** What was looked at, for example "criu". */
  readonly subject: string;
  readonly detail: string;
  /** What to do about it; empty when all is well. */
  readonly remedy: string;
}

/** One node as another sees it. */
export interface NodeStatus {
  readonly name: string;
  /** HOST:PORT of its gRPC endpoint. */
  readonly endpoint: string;
  readonly overlayAddress: string;
  readonly reach: 'self' | 'up' | 'down';
  /** Why it is down, in words. */
  readonly error: string;
  /** Undefined when it is down. */
  readonly facts: NodeFacts | undefined;
  /** What the membership protocol says; undefined when it was never met. */
  readonly state: 'alive' | 'suspect' | 'dead' | 'left' | undefined;
  /** In this state. */
  readonly stateMs: number;
}
