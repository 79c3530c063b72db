/**
 * This node among its peers: who they are, what they own, and telling them what we own. Invariant: what is routed on this
 * node follows from what was heard last; what lies here is ours to judge, whoever claims it; no way is encrypted to a key that
 * a peer has not told itself.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { cutText } from '../base/cut-text.js';
import { messageOf, refused } from '../base/errors.js';
import type { OverlayCard } from '../overlay/tunnel.js';
import { type Heard, holdingsRefusal, type Owned, owners } from './directory.js';
import { directoryOf } from './directory-port.js';
import { createHearsay } from './hearsay.js';
import { createMembership, type Membership, type Told, toldOf } from './membership.js';
import type { MeshLink, MeshOptions, Word } from './mesh-port.js';
import type { NodeStatus } from './node-facts.js';
import { cardOf, reachedAt } from './own-card.js';
import { createPeerLinks, type KnownPeer, type LinkedPeer } from './peer-links.js';
import { rememberPeers } from './remembered-peers.js';
import { selfStatus, statusOf } from './status.js';
import { factsPauseMs } from './swim/arithmetic.js';
import { overlayFields, overlayOf } from './swim/card.js';
import type { Member, News, Whom } from './swim/state.js';
import type { Message } from './swim/words.js';
import { worldOf } from './world-of.js';

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
  for (const peer of remembered.peers) if (peer.name !== node) links.know(peer);
  const hearsay = createHearsay(() => membership?.members() ?? [], log);
  /** What each peer has said itself of its end of the overlay; others' word opens no way. */
  const cards = new Map<string, OverlayCard>();
  const stopped = new AbortController();
  const listeners: (() => void)[] = [];
  let membership: Membership | undefined;
  let routing = false;

  const everything = (): Heard => new Map([...hearsay.heard(), [node, options.holdings()]]);
  const all = (): Owned[] => [...owners(everything()).values()];

  const hasLeft = (name: string) => membership?.member(name)?.state === 'left';
  const insiders = () => links.names().filter(({ name }) => !hasLeft(name) && !options.isOut(name));
  const setRoutes = () => options.setBehind(worldOf(insiders(), cards, all()));
  const word = (): Word => ({ holdings: options.holdings(), overlay: options.overlayCard() });

  async function route(): Promise<void> {
    try {
      await setRoutes();
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
        if (member.cardSeen === member.cardRevision) cards.set(name, overlayOf(member.card));
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
    hear(name, await link.announce(node, word(), { timeoutMs: ANSWER_MS }));
  }

  /** Nobody waits for gossip: what changes hands must be known before it runs again, and a key before it is used. */
  async function tellAll(): Promise<Told> {
    if (membership === undefined) return toldOf();
    membership.claim(options.holdings());
    const card = { ...membership.card(), ...overlayFields(options.overlayCard()), ...options.condition() };
    if (JSON.stringify(card) !== JSON.stringify(membership.card())) membership.setCard(card);
    // Those that are too old for membership, or not yet met.
    const strangers = links.names().filter(({ name }) => membership?.member(name) === undefined);
    return toldOf(...(await Promise.all([membership.tell(), ...strangers.map(({ name }) => tellStranger(name))])));
  }

  async function tellStranger(name: string): Promise<Told> {
    const link = links.get(name)?.link;
    try {
      if (link !== undefined) await tellOld(name, link);
    } catch (error) {
      log.debug({ peer: name, error: messageOf(error) }, 'peer not told');
      return { told: [], notTold: [name] };
    }
    return link === undefined ? { told: [], notTold: [name] } : { told: [name], notTold: [] };
  }

  /** @throws `refused` when what it says makes no sense; then what it said before stays. */
  function hear(from: string, { holdings, overlay }: Word): void {
    const why = holdingsRefusal(holdings, options.overlayNetwork);
    if (why !== undefined) {
      log.error({ peer: from, why: cutText(why, WHY_MAX) }, 'a peer claims what cannot be');
      throw refused('invalid', why);
    }
    // Members say it by the protocol; and only those of the config were ever told this way.
    if (membership?.member(from) !== undefined || !options.peers.some(({ name }) => name === from)) return;
    hearsay.announced.set(from, holdings);
    cards.set(from, overlay);
    hearsay.tellConflicts(everything());
    routeSoon();
  }

  async function status(peer: KnownPeer): Promise<NodeStatus> {
    const member = membership?.member(peer.name);
    const stateMs = member === undefined ? 0 : (membership?.ageMs(member) ?? 0);
    return await statusOf({ ...peer, state: member?.state, stateMs }, links.get(peer.name)?.link, ANSWER_MS);
  }

  const directory = directoryOf({
    ...{ node, holdings: options.holdings, everything, claimsOn: hearsay.claimsOn },
    // Afterwards this node goes by what it owns now, and so do the peers that could be told.
    changed: () => void Promise.all([route(), tellAll()]),
  });

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
      const card = cardOf(facts, endpoint, options.overlayCard());
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
    /** @returns who goes by what this node is and owns now, and who could not be told. */
    tellAll,
    /** Whatever else is known, this cnvm is with `owner` now: traffic goes there at once. */
    async moved(name: string, owner: string, epoch: number): Promise<void> {
      const before = owners(everything()).get(name);
      if (before !== undefined) hearsay.move({ ...before, node: owner, epoch });
      await route();
    },
    /** A peer told us what it owns. @returns what we own. */
    async announced(from: string, said: Word): Promise<Word> {
      hear(from, said);
      await route();
      return word();
    },
    /** A message of the membership. Who says what it owns is answered when that is gone by here. */
    async asked(from: string, message: Message): Promise<Message> {
      const answer = await running().asked(from, message);
      if (message.kind === 'push' && message.records?.some(({ name }) => name === from)) await setRoutes();
      return answer;
    },
    /** Whether that node itself, asked now, has it at this epoch or a higher one. */
    async confirms(owner: string, name: string, epoch: number): Promise<boolean> {
      const link = links.get(owner)?.link;
      const theirs = await link?.announce(node, word(), { timeoutMs: ANSWER_MS });
      return theirs?.holdings.some((holding) => holding.name === name && holding.epoch >= epoch) ?? false;
    },
    members: () => ({ own: membership?.card(), others: membership?.members() ?? [] }),
    /** Each time something was heard. */
    onHeard: (listener: () => void): void => void listeners.push(listener),
    /** @throws `refused` when nobody here knows such a peer. */
    find(target: string): LinkedPeer<L> {
      const endpoint = membership?.card().endpoint ?? options.listen;
      return links.demand(target, { name: node, endpoint, overlayAddress: options.overlayAddress });
    },
    peer: (name: string): LinkedPeer<L> | undefined => links.get(name),
    /** What the membership says of a node; undefined when it was never met. */
    member: (name: string): Member | undefined => membership?.member(name),
    /** All that can be called and have not left. */
    peers: (): LinkedPeer<L>[] => links.names().flatMap(({ name }) => (hasLeft(name) ? [] : (links.get(name) ?? []))),
    /** Whether it is known of every peer what it owns, or that it has left. */
    isComplete: (): boolean =>
      links.names().every(({ name }) => {
        const { state, claimsRevision = 0 } = membership?.member(name) ?? {};
        // Who is alive by a word of gossip may own what nobody has told yet.
        return hearsay.announced.has(name) || state === 'left' || (state === 'alive' && claimsRevision > 0);
      }),
    async list(): Promise<NodeStatus[]> {
      const self = selfStatus(membership?.card().endpoint || options.listen, await options.facts());
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
        card: cardOf(facts, endpoint, options.overlayCard()),
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
