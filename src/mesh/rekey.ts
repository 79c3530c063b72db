/** A new key for this node's end of the overlay. Invariant: it is used only after every peer that answers has heard of it. */
import { refused } from '../base/errors.js';
import type { OverlayCard } from '../overlay/tunnel.js';
import type { Told } from './membership.js';

export interface RekeyPorts {
  readonly overlay: {
    card(): OverlayCard;
    prepareKey(): Promise<void>;
    changeKey(): Promise<void>;
  };
  readonly tellAll: () => Promise<Told>;
}

/** @throws `refused` when there is no key to change. @returns the new key, and who knows it. */
export async function rekey(
  { node, overlay }: { readonly node: string; readonly overlay: { readonly encryption: 'wireguard' | 'none' } },
  ports: RekeyPorts,
): Promise<Told & { key: string }> {
  if (overlay.encryption === 'none') throw refused('state', `the overlay of ${node} is not encrypted`);
  // In this order: who does not know a key answers no word under it.
  await ports.overlay.prepareKey();
  await ports.tellAll();
  await ports.overlay.changeKey();
  return { key: ports.overlay.card().key, ...(await ports.tellAll()) };
}
