/**
 * What the overlay is told of the mesh, and what follows from it. Pure. Invariant: a cnvm that leaves is passed on for a
 * bounded time, and so is one taken in that arrives.
 */
import { isKey, type OverlayCard, type TunnelPeer } from './tunnel.js';
import type { Forward, PeerRoute } from './wanted.js';

export interface OverlayPeer {
  readonly name: string;
  /** Its own overlay address. */
  readonly address: string;
  /** The host of its endpoint. */
  readonly host: string;
  /** Undefined as long as nothing was heard of it. */
  readonly card: OverlayCard | undefined;
}

export interface OverlayCnvm {
  readonly name: string;
  readonly address: string;
  /** The node that owns it. */
  readonly node: string;
}

/** The mesh as this node sees it. */
export interface World {
  readonly peers: readonly OverlayPeer[];
  /** Every cnvm that is known, those of this node too. */
  readonly cnvms: readonly OverlayCnvm[];
}

/** The cnvms that were a peer's and are ours, and those that were ours and are a peer's. */
export function moves(before: World | undefined, after: World, node: string): { came: string[]; left: string[] } {
  const was = new Map(before?.cnvms.map((cnvm) => [cnvm.address, cnvm.node]));
  const moved = after.cnvms.filter(({ address, node: owner }) => was.has(address) && was.get(address) !== owner);
  return {
    came: moved.filter((cnvm) => cnvm.node === node).map(({ address }) => address),
    left: moved.filter(({ address }) => was.get(address) === node).map(({ address }) => address),
  };
}

/** Where each of those that have left is now. */
export function wantedForwards(world: World, left: Iterable<string>): Forward[] {
  const nodes = new Map(world.peers.map((peer) => [peer.name, peer.address]));
  const owners = new Map(world.cnvms.map((cnvm) => [cnvm.address, cnvm.node]));
  return [...left].flatMap((address) => {
    const to = nodes.get(owners.get(address) ?? '');
    return to === undefined ? [] : [{ address, to }];
  });
}

/** What a node remembers of a peer over its own restarts. */
export interface Remembered {
  readonly card: OverlayCard;
  readonly cnvms: readonly { readonly name: string; readonly address: string }[];
}
export type Memory = Readonly<Record<string, Remembered>>;

/**
 * The world with what is remembered of peers that were not heard yet: a daemon that starts anew breaks no tunnel to a peer
 * that is just being silent. What anybody who was heard claims is not theirs any more.
 */
export function withMemory(world: World, memory: Memory): World {
  const heard = new Set(world.peers.filter(({ card }) => card !== undefined).map(({ name }) => name));
  const claimed = new Set(world.cnvms.map(({ address }) => address));
  const peers = world.peers.map((peer) => ({ ...peer, card: peer.card ?? memory[peer.name]?.card }));
  const silent = world.peers.filter(({ name }) => !heard.has(name));
  const cnvms = silent.flatMap(({ name }) =>
    (memory[name]?.cnvms ?? [])
      .filter(({ address }) => !claimed.has(address))
      .map((cnvm) => ({ name: cnvm.name, address: cnvm.address, node: name })),
  );
  return { peers, cnvms: [...world.cnvms, ...cnvms] };
}

export function toMemory({ peers, cnvms }: World): Memory {
  return Object.fromEntries(
    peers.flatMap(({ name, card }) => {
      const owned = cnvms
        .filter(({ node }) => node === name)
        .map(({ address, name: cnvm }) => ({ name: cnvm, address }));
      return card === undefined ? [] : [[name, { card, cnvms: owned }]];
    }),
  );
}

/** A hosts file: each cnvm by its name, and by the first part of it where that is one cnvm's alone. */
export function hostsFile(cnvms: readonly OverlayCnvm[]): string {
  const short = (name: string) => name.split('.')[0] ?? name;
  const names = cnvms.map(({ name }) => name);
  const alone = (part: string) => !names.includes(part) && names.filter((name) => short(name) === part).length === 1;
  return cnvms
    .map(({ name, address }) => `${address} ${name}${alone(short(name)) ? ` ${short(name)}` : ''}\n`)
    .sort()
    .join('');
}

/** Addresses of hosts on the network between the nodes. */
type Hosts = ReadonlyMap<string, string>;

/** The other ends of the tunnel. A peer that is not encrypted has none. */
export function tunnelPeers({ peers, cnvms }: World, hosts: Hosts): TunnelPeer[] {
  return peers.flatMap(({ name, address, host, card }) => {
    if (card === undefined || !isKey(card.key)) return [];
    const owned = cnvms.filter(({ node }) => node === name).map((cnvm) => cnvm.address);
    return [{ card, endpoint: endpointOf(hosts.get(host), card.port), addresses: [address, ...owned] }];
  });
}

function endpointOf(host: string | undefined, port: number): string | undefined {
  if (host === undefined || port === 0) return undefined;
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/**
 * The way to everything behind a peer. @param tunnel through which it leads; undefined when it leads over the network as it
 * is. What the two ends do not agree on has no way: better nothing than what is not encrypted.
 */
export function peerRoutes(
  { peers, cnvms }: World,
  hosts: Hosts,
  tunnel: { readonly device: string; readonly mtu: number } | undefined,
): PeerRoute[] {
  const ways = new Map(peers.map((peer) => [peer.name, wayTo(peer, hosts, tunnel)]));
  const behind = [...peers.map(({ name, address }) => ({ node: name, address })), ...cnvms];
  return behind.flatMap(({ node, address }) => {
    const way = ways.get(node);
    return way === undefined ? [] : [{ address, ...way }];
  });
}

function wayTo(
  { card, host }: OverlayPeer,
  hosts: Hosts,
  tunnel: { readonly device: string; readonly mtu: number } | undefined,
): Omit<PeerRoute, 'address'> | undefined {
  const encrypted = isKey(card?.key ?? '');
  if (tunnel !== undefined) {
    if (!encrypted || card === undefined) return undefined;
    return { device: tunnel.device, ...(card.mtu > 0 && card.mtu < tunnel.mtu ? { mtu: card.mtu } : {}) };
  }
  const via = hosts.get(host);
  return via === undefined || encrypted ? undefined : { via };
}
