/**
 * The peers that this node's WireGuard is to have, and the difference to those it has. Pure. Invariant: an address is
 * allowed to one peer alone, its owner's; it moves from one to the next in a single step, and is never with none between.
 */

/** What a node says of its end of the overlay. */
export interface OverlayCard {
  /** WireGuard's public key; empty where the overlay is not encrypted. */
  readonly key: string;
  /** The key that it is about to change to; empty when it is not about to. */
  readonly nextKey: string;
  /** Its UDP port. */
  readonly port: number;
  /** The longest packet that a cnvm may send there, in bytes; 0 where it says none. */
  readonly mtu: number;
}

export interface WantedPeer {
  readonly key: string;
  /** HOST:PORT as `wg` takes it; undefined when the host has no address that we know. */
  readonly endpoint: string | undefined;
  readonly allowed: readonly string[];
}

export interface TunnelPeer {
  readonly card: OverlayCard;
  readonly endpoint: string | undefined;
  /** Its own address, and the cnvms' that it owns. */
  readonly addresses: readonly string[];
}

/** What to tell `wg`, in this order. */
export interface TunnelChange {
  /** For `wg addconf`. */
  readonly add: string;
  /** For `wg set`, each a command of its own. */
  readonly set: readonly (readonly string[])[];
}

/** What WireGuard has: allowed addresses by key. */
export type HasPeers = ReadonlyMap<string, readonly string[]>;

/**
 * A peer that is about to change its key is there twice: what it sends and gets goes by the key it has, and the next one is
 * known, so that its first word under it is understood.
 */
export function wantedPeers(peers: readonly TunnelPeer[]): WantedPeer[] {
  return peers
    .filter(({ card }) => isKey(card.key))
    .flatMap(({ card, endpoint, addresses }) => {
      const now = { key: card.key, endpoint, allowed: [...new Set(addresses)].sort() };
      const next = isKey(card.nextKey) && card.nextKey !== card.key;
      return next ? [now, { key: card.nextKey, endpoint, allowed: [] }] : [now];
    });
}

/**
 * @param told the endpoint that each key was last given. One that has not changed is not given again: WireGuard may have
 * learned a better one, from where the peer's packets come.
 */
export function tunnelChange(
  wanted: readonly WantedPeer[],
  has: HasPeers,
  told: ReadonlyMap<string, string | undefined>,
  keepaliveSeconds: number,
): TunnelChange {
  const moving = new Map(wanted.flatMap(({ key, allowed }) => allowed.map((address) => [address, key] as const)));
  const add = wanted.map((peer) => section(peer, has.get(peer.key), told, keepaliveSeconds)).join('');
  const keep = new Map(wanted.map((peer) => [peer.key, peer.allowed]));
  const gone = [...has.keys()].filter((key) => !keep.has(key));
  // What another peer gets has left this one by itself.
  const less = [...has].filter(
    ([key, addresses]) => keep.has(key) && addresses.some((address) => !moving.has(address)),
  );
  return {
    add,
    set: [
      ...less.map(([key]) => ['peer', key, 'allowed-ips', (keep.get(key) ?? []).join(',')]),
      ...gone.map((key) => ['peer', key, 'remove']),
    ],
  };
}

/** All of the peer's addresses, for `wg` sets them whole; empty when there is nothing to add. */
function section(
  { key, endpoint, allowed }: WantedPeer,
  has: readonly string[] | undefined,
  told: ReadonlyMap<string, string | undefined>,
  keepaliveSeconds: number,
): string {
  const more = allowed.some((address) => !has?.includes(address));
  const moved = endpoint !== undefined && (has === undefined || told.get(key) !== endpoint);
  if (has !== undefined && !more && !moved) return '';
  const lines = [
    '[Peer]',
    `PublicKey = ${key}`,
    ...(moved ? [`Endpoint = ${endpoint}`, `PersistentKeepalive = ${keepaliveSeconds}`] : []),
    ...(allowed.length > 0 ? [`AllowedIPs = ${allowed.map((address) => `${address}/32`).join(', ')}`] : []),
  ];
  return `${lines.join('\n')}\n`;
}

/** 32 bytes in base64. It comes from a peer, and becomes a line of a config and a word of a command. */
export function isKey(text: string): boolean {
  return /^[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$/.test(text);
}

/** Of UDP and of IPv4, which both count to it. */
const PORT_MAX = 65_535;
const MTU_MAX = 65_535;

/** Whether what a node says of its end is within the bounds. */
export function isOverlayCard({ key, nextKey, port, mtu }: OverlayCard): boolean {
  return [key, nextKey].every((one) => one === '' || isKey(one)) && port <= PORT_MAX && mtu <= MTU_MAX;
}

/** What WireGuard adds to a packet, over IPv6, the longer of the two. */
const WIREGUARD_BYTES = 80;
/** What a packet gets in addition when a node passes it on to where a cnvm has gone: IPv4, UDP and VXLAN-GPE. */
const FORWARD_BYTES = 36;
/** Every IPv4 link can do that (RFC 791 says 68, and nobody's is below this). */
const MTU_MIN = 576;

export interface Mtus {
  /** Of the interface of the tunnel. */
  readonly tunnel: number;
  /** Of a cnvm's link, so that even a packet that is passed on fits the tunnel. */
  readonly cnvm: number;
}

/** From the MTU of the links between the nodes, all that goes inside. */
export function mtusOf(linkMtu: number, encrypted: boolean): Mtus {
  if (!encrypted) return { tunnel: linkMtu, cnvm: linkMtu };
  const tunnel = Math.max(linkMtu - WIREGUARD_BYTES, MTU_MIN + FORWARD_BYTES);
  return { tunnel, cnvm: tunnel - FORWARD_BYTES };
}
