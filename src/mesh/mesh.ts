/**
 * This node among its peers: who they are, what they own, and telling them what we own. Invariant: what is routed on
 * this node follows from what was heard last, and a peer that hears nothing for a while is told everything again.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { cutText } from '../base/cut-text.js';
import { messageOf, refused } from '../base/errors.js';
import { uidBase } from '../cnvms/address.js';
import type { CnvmView } from '../cnvms/cnvm.js';
import type { DirectoryPort } from '../cnvms/cnvms.js';
import type { OverlayCard } from '../overlay/tunnel.js';
import type { World } from '../overlay/world.js';
import { conflicts, type Heard, type Holding, holdingsRefusal, type Owned, owners } from './directory.js';
import { findPeer, hostOf, type PeerNames } from './find-peer.js';
import type { NodeFacts, NodeStatus } from './node-facts.js';

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
}

export interface Peer<L extends MeshLink = MeshLink> extends PeerNames {
  readonly link: L;
}

export interface MeshOptions<L extends MeshLink> {
  readonly node: string;
  readonly endpoint: string;
  readonly overlayNetwork: string;
  readonly overlayAddress: string;
  readonly peers: readonly Peer<L>[];
  readonly setBehind: (world: World) => Promise<void>;
  /** This node's end of the overlay. */
  readonly overlayCard: () => OverlayCard;
  /** What this node owns now. */
  readonly holdings: () => readonly Holding[];
  readonly facts: () => Promise<NodeFacts>;
  readonly log: Logger;
}

/** Between two rounds in which every peer is told everything: it bounds how long a peer that was away is wrong. */
const ROUND_MS = 5_000;
/** A peer that does not answer in this time is shown as down. */
const ANSWER_MS = 2_000;

const WHY_MAX = 200;

export type Mesh<L extends MeshLink = MeshLink> = ReturnType<typeof createMesh<L>>;

export function createMesh<L extends MeshLink>(options: MeshOptions<L>) {
  const { node, peers, log } = options;
  const heard = new Map<string, readonly Holding[]>();
  const cards = new Map<string, OverlayCard>();
  const stopped = new AbortController();

  const everything = (): Heard => new Map([...heard, [node, options.holdings()]]);
  const all = (): Owned[] => [...owners(everything()).values()];

  async function route(): Promise<void> {
    const nodes = peers.map(({ name, overlayAddress, endpoint }) => ({
      ...{ name, address: overlayAddress, host: hostOf(endpoint) },
      card: cards.get(name),
    }));
    const cnvms = all().map((owned) => ({ name: owned.name, address: owned.address, node: owned.node }));
    try {
      await options.setBehind({ peers: nodes, cnvms });
    } catch (error) {
      // What a node cannot reach is no reason to serve nothing; the next round tries again.
      log.error({ error: messageOf(error) }, 'routes not set');
    }
  }

  /** @throws `refused` when what it says makes no sense; then what it said before stays. */
  async function hear(from: string, { holdings, overlay }: Word): Promise<void> {
    const why = holdingsRefusal(holdings, options.overlayNetwork);
    if (why !== undefined) {
      log.error({ peer: from, why: cutText(why, WHY_MAX) }, 'a peer claims what cannot be');
      throw refused('invalid', why);
    }
    heard.set(from, holdings);
    cards.set(from, overlay);
    for (const { name, epoch, nodes } of conflicts(everything())) {
      log.error({ cnvm: name, epoch, nodes }, 'two nodes claim one cnvm at the same epoch');
    }
    await route();
  }

  const word = (): Word => ({ holdings: options.holdings(), overlay: options.overlayCard() });

  /** @returns whether it was told, and has done what follows from it. */
  async function tell(peer: Peer<L>): Promise<boolean> {
    try {
      await hear(peer.name, await peer.link.announce(node, word(), { timeoutMs: ANSWER_MS }));
      return true;
    } catch (error) {
      log.debug({ peer: peer.name, error: messageOf(error) }, 'peer not told');
      return false;
    }
  }

  /** @returns the names of those that were told, and of those that could not be. */
  async function tellAll(): Promise<{ told: string[]; notTold: string[] }> {
    const done = await Promise.all(peers.map(async (peer) => ({ name: peer.name, told: await tell(peer) })));
    const names = (told: boolean) => done.filter((one) => one.told === told).map(({ name }) => name);
    return { told: names(true), notTold: names(false) };
  }

  async function status(peer: Peer<L>): Promise<NodeStatus> {
    const { name, endpoint, overlayAddress } = peer;
    try {
      const facts = await peer.link.describe({ timeoutMs: ANSWER_MS });
      return { name, endpoint, overlayAddress, reach: 'up', error: '', facts };
    } catch (error) {
      return { name, endpoint, overlayAddress, reach: 'down', error: messageOf(error), facts: undefined };
    }
  }

  const directory: DirectoryPort = {
    taken() {
      // What lies here is taken, whoever else claims it, and at whatever epoch: so our own come last.
      const owned = [...all(), ...options.holdings().map((holding) => ({ ...holding, node }))];
      return {
        names: new Map(owned.map((one) => [one.name, one.node])),
        addresses: new Map(owned.map((one) => [one.address, `${one.name} on ${one.node}`])),
      };
    },
    ownerOf: (name) => owners(everything()).get(name)?.node,
    elsewhere: () =>
      all()
        .filter((owned) => owned.node !== node)
        .map(viewOf),
    changed: () => void changed(),
  };

  /** Afterwards this node goes by what it owns now, and so do the peers that could be told. */
  async function changed(): Promise<void> {
    await Promise.all([route(), tellAll()]);
  }

  return {
    directory,
    tellAll,
    /** Whatever else is known, this cnvm is with `owner` now: traffic goes there at once. */
    async moved(name: string, owner: string, epoch: number): Promise<void> {
      const before = owners(everything()).get(name);
      if (before !== undefined) {
        const rest = (heard.get(owner) ?? []).filter((holding) => holding.name !== name);
        heard.set(owner, [...rest, { ...before, epoch }]);
      }
      await route();
    },
    /** A peer told us what it owns. @returns what we own. */
    async announced(from: string, said: Word): Promise<Word> {
      await hear(from, said);
      return word();
    },
    /** @throws `refused` when nobody here knows such a peer. */
    find(target: string): Peer<L> {
      const peer = findPeer(target, peers);
      if (peer !== undefined) return peer;
      const self = findPeer(target, [
        { name: node, endpoint: options.endpoint, overlayAddress: options.overlayAddress },
      ]);
      if (self !== undefined) throw refused('invalid', `${target} is this node itself`);
      const known = peers.map((one) => one.name).join(', ') || 'none';
      throw refused('not-found', `no peer is called ${target}; the peers of ${node} are: ${known}`);
    },
    peer: (name: string): Peer<L> | undefined => peers.find((peer) => peer.name === name),
    async list(): Promise<NodeStatus[]> {
      const facts = await options.facts();
      const { endpoint, overlayAddress } = options;
      const self: NodeStatus = { name: node, endpoint, overlayAddress, reach: 'self', error: '', facts };
      return [self, ...(await Promise.all(peers.map(status)))];
    },
    /** Tells every peer, and goes on telling until `stop`. */
    async start(): Promise<void> {
      await route();
      await tellAll();
      void repeat(tellAll, stopped.signal);
    },
    stop: () => stopped.abort(),
  };
}

async function repeat(act: () => Promise<unknown>, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await sleep(ROUND_MS, undefined, { signal, ref: false }).catch(() => undefined);
    if (!signal.aborted) await act();
  }
}

function viewOf(owned: Owned): CnvmView {
  const [name = '', digest = ''] = owned.image.split('@');
  return {
    record: {
      name: owned.name,
      address: owned.address,
      image: { name, digest },
      limits: { memoryBytes: 0, cpuMillis: 0, pids: 0 },
      createTime: '',
      epoch: owned.epoch,
      owner: owned.node,
      landing: '',
      wanted: 'running',
    },
    state: owned.state as CnvmView['state'],
    pid: 0,
    memoryBytes: 0,
    diskBytes: 0,
    directory: '',
    uidBase: uidBase(owned.address),
  };
}
