/**
 * This node among its peers: who they are, what they own, and telling them what we own. Invariant: what is routed on this
 * node follows from what was heard last; what lies here is ours to judge, whoever claims it.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { cutText } from '../base/cut-text.js';
import { messageOf, refused } from '../base/errors.js';
import type { DirectoryPort } from '../cnvms/cnvms.js';
import type { Behind } from '../overlay/overlay.js';
import { conflicts, type Heard, type Holding, holdingsRefusal, type Owned, owners } from './directory.js';
import { viewOf } from './elsewhere.js';
import { findPeer, hostOf } from './find-peer.js';
import { createHearsay } from './hearsay.js';
import { createMembership, type Membership } from './membership.js';
import type { NodeFacts, NodeStatus } from './node-facts.js';
import { cardOf, reachedAt } from './own-card.js';
import { createPeerLinks, type KnownPeer, type LinkedPeer } from './peer-links.js';
import { rememberPeers } from './remembered-peers.js';
import { standingOf } from './standing.js';
import { factsPauseMs } from './swim/arithmetic.js';
import type { News, Whom } from './swim/state.js';
import type { Message } from './swim/words.js';

/** What this room needs of a peer. */
export interface MeshLink {
  describe(call: { timeoutMs: number }): Promise<NodeFacts>;
  /** Tells it everything we own. @returns everything it owns. */
  announce(node: string, holdings: readonly Holding[], call: { timeoutMs: number }): Promise<readonly Holding[]>;
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
  readonly setBehind: (behind: readonly Behind[]) => Promise<void>;
  /** What this node owns now. */
  readonly holdings: () => readonly Holding[];
  readonly facts: () => Promise<NodeFacts>;
  readonly log: Logger;
}

/** A peer that does not answer in this time is shown as down. */
const ANSWER_MS = 2_000;
/** A node that is first called: its connection has to be made, over a bad link with a packet lost. */
const SEED_MS = 5_000;
const WHY_MAX = 200;

export type Mesh<L extends MeshLink = MeshLink> = ReturnType<typeof createMesh<L>>;

export function createMesh<L extends MeshLink>(options: MeshOptions<L>) {
  const { node, log } = options;
  const remembered = rememberPeers(options.file, log);
  const links = createPeerLinks(options.peers, options.dial);
  for (const peer of remembered.peers) if (peer.name !== node) links.know({ ...peer, overlayAddress: '' });
  const hearsay = createHearsay(() => membership?.members() ?? [], log);
  const stopped = new AbortController();
  const listeners: (() => void)[] = [];
  let membership: Membership | undefined;
  let routing = false;

  const everything = (): Heard => new Map([...hearsay.heard(), [node, options.holdings()]]);
  const all = (): Owned[] => [...owners(everything()).values()];

  async function route(): Promise<void> {
    const known = links.names();
    const hosts = new Map(known.map((peer) => [peer.name, hostOf(peer.endpoint)]));
    const nodes = known.filter(({ overlayAddress, endpoint }) => overlayAddress !== '' && endpoint !== '');
    const cnvms = all().filter((owned) => owned.node !== node && hosts.has(owned.node));
    try {
      await options.setBehind([
        ...nodes.map((peer) => ({ address: peer.overlayAddress, host: hostOf(peer.endpoint) })),
        ...cnvms.map((owned) => ({ address: owned.address, host: hosts.get(owned.node) ?? '' })),
      ]);
    } catch (error) {
      // What a node cannot reach is no reason to serve nothing; the next change, or round, tries again.
      log.error({ error: messageOf(error) }, 'routes not set');
    }
  }

  /** Soon, once for all that was heard at one go. */
  function routeSoon(): void {
    if (routing) return;
    routing = true;
    setImmediate(() => {
      routing = false;
      void route();
      for (const listener of listeners) listener();
    });
  }

  function heard(news: readonly News[]): void {
    for (const { kind, name } of news) {
      const member = membership?.member(name);
      if (member === undefined) continue;
      if (kind !== 'claims') {
        const { endpoint, overlayAddress } = member.card;
        links.know({ name, endpoint, overlayAddress });
      }
      hearsay.spoke(member);
    }
    if (news.some(({ kind }) => kind === 'claims')) hearsay.tellConflicts(everything());
    routeSoon();
  }

  async function exchange(whom: Whom, message: Message, timeoutMs: number) {
    const link = whom.name === undefined ? undefined : links.get(whom.name)?.link;
    if (whom.name === undefined || link === undefined)
      return await options.ask(whom.endpoint, message, Math.max(timeoutMs, SEED_MS));
    const answer = await link.exchange(message, { timeoutMs });
    if (answer !== undefined) return { from: whom.name, message: answer };
    await tellOld(whom.name, link);
    throw refused('unavailable', `${whom.name} is too old to take part in the membership`);
  }

  /** A peer of the version before: it is told all, and asked for all, each time it is tried. */
  async function tellOld(name: string, link: L): Promise<void> {
    hear(name, await link.announce(node, options.holdings(), { timeoutMs: ANSWER_MS }));
  }

  /** @throws `refused` when what it says makes no sense; then what it said before stays. */
  function hear(from: string, holdings: readonly Holding[]): void {
    const why = holdingsRefusal(holdings, options.overlayNetwork);
    if (why !== undefined) {
      log.error({ peer: from, why: cutText(why, WHY_MAX) }, 'a peer claims what cannot be');
      throw refused('invalid', why);
    }
    // Members say it by the protocol; and only those of the config were ever told this way.
    if (membership?.member(from) !== undefined || !options.peers.some(({ name }) => name === from)) return;
    hearsay.announced.set(from, holdings);
    hearsay.tellConflicts(everything());
    routeSoon();
  }

  async function status(peer: KnownPeer): Promise<NodeStatus> {
    const member = membership?.member(peer.name);
    const stateMs = member === undefined ? 0 : (membership?.ageMs(member) ?? 0);
    const base = { ...peer, state: member?.state, stateMs, facts: undefined };
    if (member?.state === 'left') return { ...base, reach: 'down', error: 'it has left' };
    try {
      const link = links.get(peer.name)?.link;
      if (link === undefined) throw refused('unavailable', 'it has not said where it is reached');
      return { ...base, reach: 'up', error: '', facts: await link.describe({ timeoutMs: ANSWER_MS }) };
    } catch (error) {
      return { ...base, reach: 'down', error: messageOf(error) };
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
    rival(own) {
      const found = standingOf(own, hearsay.claimsOn(own.name));
      return found.kind === 'ours' ? undefined : found;
    },
    elsewhere() {
      const contested = new Map(conflicts(everything()).map(({ name, nodes }) => [name, nodes]));
      return all()
        .filter((owned) => owned.node !== node)
        .map((owned) => viewOf(owned, contested.get(owned.name)));
    },
    changed: () => membership?.claim(options.holdings()),
  };

  async function refreshCard(endpoint: string): Promise<void> {
    let changedAt = 0;
    for (;;) {
      await sleep(FACTS_EVERY_MS, undefined, { signal: stopped.signal, ref: false }).catch(() => undefined);
      if (stopped.signal.aborted || membership === undefined) return;
      void route();
      const now = membership.card();
      if (Date.now() - changedAt < factsPauseMs(membership.aliveCount(), options.probeMs)) continue;
      const facts = await options.facts().catch(() => undefined);
      if (facts === undefined) continue;
      const card = cardOf(facts, endpoint, { key: now.overlayKey, port: now.overlayPort });
      if (JSON.stringify(card) === JSON.stringify(now)) continue;
      changedAt = Date.now();
      membership.setCard(card);
    }
  }

  function running(): Membership {
    if (membership === undefined) throw refused('unavailable', `${node} is not yet a member of the mesh`);
    return membership;
  }

  return {
    directory,
    /** Whatever else is known, this cnvm is with `owner` now: traffic goes there at once. */
    async moved(name: string, owner: string, epoch: number): Promise<void> {
      const before = owners(everything()).get(name);
      if (before !== undefined) hearsay.move({ ...before, node: owner, epoch });
      await route();
    },
    /** A peer told us what it owns. @returns what we own. */
    async announced(from: string, holdings: readonly Holding[]): Promise<readonly Holding[]> {
      hear(from, holdings);
      return options.holdings();
    },
    /** A message of the membership. */
    asked: async (from: string, message: Message): Promise<Message> => await running().asked(from, message),
    /** Whether that node itself, asked now, has it at this epoch or a higher one. */
    async confirms(owner: string, name: string, epoch: number): Promise<boolean> {
      const link = links.get(owner)?.link;
      const theirs = await link?.announce(node, options.holdings(), { timeoutMs: ANSWER_MS });
      return theirs?.some((holding) => holding.name === name && holding.epoch >= epoch) ?? false;
    },
    /** Each time something was heard. */
    onHeard: (listener: () => void): void => void listeners.push(listener),
    /** @throws `refused` when nobody here knows such a peer. */
    find(target: string): LinkedPeer<L> {
      const peer = links.find(target);
      if (peer !== undefined) return peer;
      const endpoint = membership?.card().endpoint ?? options.listen;
      const self = findPeer(target, [{ name: node, endpoint, overlayAddress: options.overlayAddress }]);
      if (self !== undefined) throw refused('invalid', `${target} is this node itself`);
      const known = links.names();
      const names = cutText(known.map((one) => one.name).join(', ') || 'none', NAMES_MAX);
      throw refused('not-found', `no peer is called ${target}; the peers of ${node} are: ${names}`);
    },
    peer: (name: string): LinkedPeer<L> | undefined => links.get(name),
    /** Whether every peer that is known has been heard, or has left. */
    isComplete: (): boolean =>
      links
        .names()
        .every(({ name }) => hearsay.announced.has(name) || SURE.includes(membership?.member(name)?.state ?? 'dead')),
    async list(): Promise<NodeStatus[]> {
      const facts = await options.facts();
      const endpoint = membership?.card().endpoint || options.listen;
      const { overlayAddress } = options;
      const base = { name: node, endpoint, overlayAddress, error: '', facts, stateMs: 0 };
      const self: NodeStatus = { ...base, reach: 'self', state: 'alive' };
      return [self, ...(await Promise.all(links.names().map(status)))];
    },
    join: async (endpoint: string): Promise<string> => await running().join(endpoint),
    leave: async (): Promise<void> => await running().leave(),
    /** Takes part from now on. @returns when those who were tried first have answered or have not. */
    async start(port: number): Promise<void> {
      const { advertise, listen, overlayAddress, seeds, peers } = options;
      const towards = [...peers.map((peer) => peer.endpoint), ...seeds, ...remembered.peers.map((one) => one.endpoint)];
      const endpoint = advertise ?? (await reachedAt(listen, port, towards, overlayAddress));
      const facts = await options.facts();
      membership = createMembership({
        probeMs: options.probeMs,
        card: cardOf(facts, endpoint, { key: '', port: 0 }),
        claims: options.holdings(),
        seeds: [...peers, ...seeds.map((seed) => ({ name: undefined, endpoint: seed }))],
        ...{ remembered, exchange, heard, log },
      });
      void refreshCard(endpoint);
      await Promise.all([route(), membership.start()]);
    },
    async stop(): Promise<void> {
      stopped.abort();
      await membership?.stop();
      links.close();
    },
  };
}
/** Between two looks at what this node can, and two tries to set routes that could not be set. */
const FACTS_EVERY_MS = 15_000;
const SURE: readonly string[] = ['alive', 'left'];
const NAMES_MAX = 1_000;
