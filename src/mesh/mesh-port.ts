/** What the mesh needs from outside, and what its nodes tell each other directly. */
import type { Logger } from 'pino';
import type { OverlayCard } from '../overlay/tunnel.js';
import type { World } from '../overlay/world.js';
import type { Holding } from './directory.js';
import type { NodeFacts } from './node-facts.js';
import type { KnownPeer } from './peer-links.js';
import type { Message } from './swim/words.js';

/** What nodes tell each other of themselves. */
export interface Word {
  readonly holdings: readonly Holding[];
  readonly overlay: OverlayCard;
}

/** What this room needs of a peer. */
export interface MeshLink {
  describe(call: { timeoutMs: number }): Promise<NodeFacts>;
  /** Tells it everything we own. @returns everything it owns. */
  announce(node: string, word: Word, call: { timeoutMs: number }): Promise<Word>;
  /** @returns undefined when the peer is too old to know membership. */
  exchange(message: Message, call: { timeoutMs: number }): Promise<Message | undefined>;
  moveTo(endpoint: string): void;
  close(): void;
}

export interface MeshOptions<L extends MeshLink> {
  readonly node: string;
  readonly listen: string;
  readonly advertise: string | undefined;
  readonly overlayNetwork: string;
  readonly overlayAddress: string;
  /** Of the config. */
  readonly peers: readonly KnownPeer[];
  readonly seeds: readonly string[];
  /** Keeps the known peers. */
  readonly file: string;
  readonly probeMs: number;
  readonly dial: (peer: { name: string; endpoint: string }) => L;
  /** Asks whoever serves there, whose name is not known. */
  readonly ask: (endpoint: string, message: Message, timeoutMs: number) => Promise<{ from: string; message: Message }>;
  readonly setBehind: (world: World) => Promise<void>;
  /** Its certificate is good no more: no way leads to it. */
  readonly isOut: (name: string) => boolean;
  /** This node's end of the overlay. */
  readonly overlayCard: () => OverlayCard;
  /** Whether this node takes no new work, and whether it were better empty. */
  readonly condition: () => { readonly cordoned: boolean; readonly strained: boolean };
  /** What this node owns now. */
  readonly holdings: () => readonly Holding[];
  readonly facts: () => Promise<NodeFacts>;
  readonly log: Logger;
}
