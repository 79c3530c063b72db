/**
 * The routes that a node wants, and the difference to those it has. Pure. Invariant: routes are compared whole, added
 * before others are deleted, and applying a difference twice changes nothing.
 */
import type { Route } from '../tools/ip.js';

/** Something that is behind a peer. */
export interface PeerRoute {
  /** Overlay address of a node or a cnvm. */
  readonly address: string;
  /** Underlay IPv4 address of the node that it is behind; undefined when the way is a link's. */
  readonly via?: string;
  /** The link that leads to every peer; undefined when the kernel is to find it. */
  readonly device?: string;
  /** The longest packet that the peer takes, in bytes, where that is less than the link's. */
  readonly mtu?: number;
}

/** A cnvm that has left, and the overlay address of the node where it is now. */
export interface Forward {
  readonly address: string;
  readonly to: string;
}

/**
 * Worse than the route that a cnvm's own link brings (metric 0), so that the two never contend: what is here is reached
 * here, whatever is still believed of a peer, and from the moment that its link goes it is reached over there.
 */
const METRIC = 100;

/** Routes to everything that is behind a peer; a later entry for an address wins. */
export function wantedRoutes(peers: readonly PeerRoute[], source: string): Route[] {
  const byAddress = new Map(peers.map((peer) => [peer.address, peer]));
  return [...byAddress].map(([destination, { via, device, mtu }]) => ({
    ...{ destination, via, device, source, mtu },
    metric: METRIC,
  }));
}

/** Commands for `ip -batch`. Routes are replaced, never deleted and added: no packet finds none. */
export function routeChanges(wanted: readonly Route[], actual: readonly Route[], protocol: number): string[] {
  const has = new Map(actual.map((route) => [keyOf(route), route]));
  const wants = new Set(wanted.map(keyOf));
  const replace = wanted
    .filter((route) => !sameWay(route, has.get(keyOf(route))))
    .map((route) => `route replace ${keyOf(route)} ${wayOf(route)} src ${route.source} proto ${protocol}`);
  const remove = actual
    .filter((route) => !wants.has(keyOf(route)))
    .map((route) => `route delete ${keyOf(route)} proto ${protocol}`);
  return [...replace, ...remove];
}

/** What makes two routes the same one to the kernel. */
function keyOf({ destination, metric }: Route): string {
  return `${destination} metric ${metric}`;
}

function wayOf({ via, device, mtu }: Route): string {
  const words = [via && `via ${via}`, device && `dev ${device}`, mtu && `mtu ${mtu}`];
  return words.filter(Boolean).join(' ');
}

function sameWay(wanted: Route, actual: Route | undefined): boolean {
  if (actual === undefined) return false;
  const { via, device, source, mtu } = wanted;
  // The kernel names a device also where none was asked for.
  const sameDevice = device === undefined || actual.device === device;
  return actual.via === via && sameDevice && actual.source === source && actual.mtu === mtu;
}

/** Where packets of others are wrapped, and in which table their routes are, which no packet of this node's own looks at. */
export interface ForwardWay {
  readonly device: string;
  readonly table: number;
  readonly source: string;
}

/** Commands for `ip -batch`; all that is wanted is said again, what was and is not any more is taken away. */
export function forwardChanges(
  wanted: readonly Forward[],
  before: readonly Forward[],
  { device, table, source }: ForwardWay,
): string[] {
  const replace = wanted.map(
    ({ address, to }) =>
      `route replace ${address}/32 encap ip id ${table} dst ${to} src ${source} dev ${device} table ${table}`,
  );
  const remove = before
    .filter(({ address }) => !wanted.some((forward) => forward.address === address))
    .map(({ address }) => `route delete ${address}/32 table ${table}`);
  return [...replace, ...remove];
}
