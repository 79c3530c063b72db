/** What the overlay is told of the mesh. Pure. */
import type { OverlayCard } from '../overlay/tunnel.js';
import type { World } from '../overlay/world.js';
import type { Owned } from './directory.js';
import { hostOf } from './find-peer.js';
import type { KnownPeer } from './peer-links.js';

/**
 * @param cards what each peer has said itself of its end of the overlay.
 * @param owned every cnvm that is known, this node's too.
 */
export function worldOf(
  known: readonly KnownPeer[],
  cards: ReadonlyMap<string, OverlayCard>,
  owned: readonly Owned[],
): World {
  const met = known.filter(({ overlayAddress, endpoint }) => overlayAddress !== '' && endpoint !== '');
  return {
    peers: met.map(({ name, overlayAddress, endpoint }) => ({
      ...{ name, address: overlayAddress, host: hostOf(endpoint) },
      card: cards.get(name),
    })),
    cnvms: owned.map(({ name, address, node }) => ({ name, address, node })),
  };
}
