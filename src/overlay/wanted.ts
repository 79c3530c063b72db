/**
 * The network that a node wants, and the difference to what it has. Pure. Invariant: routes are compared whole, added
 * before others are deleted, and applying a difference twice changes nothing.
 */
import type { Route } from '../tools/ip.js';

export interface PeerRoute {
  /** Overlay address of a node or a cnvm. */
  readonly address: string;
  /** Underlay IPv4 address of the node that it is behind. */
  readonly via: string;
}

/**
 * Worse than the route that a cnvm's own link brings (metric 0), so that the two never contend: what is here is reached
 * here, whatever is still believed of a peer, and from the moment that its link goes it is reached over there.
 */
const METRIC = 100;

/** Routes to everything that is behind a peer; a later entry for an address wins. */
export function wantedRoutes(peers: readonly PeerRoute[], source: string): Route[] {
  const byAddress = new Map(peers.map((peer) => [peer.address, peer.via]));
  return [...byAddress].map(([destination, via]) => ({ destination, via, device: undefined, source, metric: METRIC }));
}

/** Commands for `ip -batch`. Routes are replaced, never deleted and added: no packet finds none. */
export function routeChanges(wanted: readonly Route[], actual: readonly Route[], protocol: number): string[] {
  const has = new Map(actual.map((route) => [keyOf(route), route]));
  const wants = new Set(wanted.map(keyOf));
  const replace = wanted
    .filter((route) => !sameWay(route, has.get(keyOf(route))))
    .map((route) => `route replace ${keyOf(route)} via ${route.via} src ${route.source} proto ${protocol}`);
  const remove = actual
    .filter((route) => !wants.has(keyOf(route)))
    .map((route) => `route delete ${keyOf(route)} proto ${protocol}`);
  return [...replace, ...remove];
}

/** What makes two routes the same one to the kernel. */
function keyOf({ destination, metric }: Route): string {
  return `${destination} metric ${metric}`;
}

function sameWay(wanted: Route, actual: Route | undefined): boolean {
  return actual !== undefined && actual.via === wanted.via && actual.source === wanted.source;
}
