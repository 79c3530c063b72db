/**
 * The peers that this node can call: those of its config, those it remembers, and those it has heard of. Invariant: one link
 * for each name, for as long as the daemon lives; where the config says how a peer is reached, nobody else does.
 */
import { cutText } from '../base/cut-text.js';
import { refused } from '../base/errors.js';
import { findPeer, type PeerNames } from './find-peer.js';

/** What is known of a peer before anything is heard of it. */
export interface KnownPeer {
  readonly name: string;
  readonly endpoint: string;
  /** Empty while it is not known. */
  readonly overlayAddress: string;
}

const NAMES_MAX = 1_000;

interface MovableLink {
  /** From the next try to connect on. */
  moveTo(endpoint: string): void;
  close(): void;
}

export interface LinkedPeer<L> extends PeerNames {
  readonly link: L;
}

/** @param fixed of the config. */
export function createPeerLinks<L extends MovableLink>(
  fixed: readonly KnownPeer[],
  dial: (peer: { name: string; endpoint: string }) => L,
) {
  const known = new Map(fixed.map((peer) => [peer.name, peer]));
  const set = new Set(known.keys());
  const links = new Map<string, L>();

  function linkedTo(peer: KnownPeer): LinkedPeer<L> {
    const link = links.get(peer.name) ?? dial(peer);
    links.set(peer.name, link);
    return { ...peer, link };
  }

  return {
    /** A peer was heard of, or is reached elsewhere now. */
    know(peer: KnownPeer): void {
      const before = known.get(peer.name);
      const endpoint = set.has(peer.name) || peer.endpoint === '' ? (before?.endpoint ?? '') : peer.endpoint;
      const overlayAddress = peer.overlayAddress || (before?.overlayAddress ?? '');
      known.set(peer.name, { name: peer.name, endpoint, overlayAddress });
      if (before !== undefined && before.endpoint !== endpoint) links.get(peer.name)?.moveTo(endpoint);
    },
    names: (): readonly KnownPeer[] => [...known.values()],
    get(name: string): LinkedPeer<L> | undefined {
      const peer = known.get(name);
      return peer === undefined || peer.endpoint === '' ? undefined : linkedTo(peer);
    },
    /** By name, endpoint, host or overlay address. */
    find(target: string): LinkedPeer<L> | undefined {
      const found = findPeer(target, [...known.values()]);
      return found === undefined ? undefined : this.get(found.name);
    },
    /** As `find`. @throws `refused` when nobody here knows such a peer. @param self this node, which is none. */
    demand(target: string, self: KnownPeer): LinkedPeer<L> {
      const peer = this.find(target);
      if (peer !== undefined) return peer;
      if (findPeer(target, [self]) !== undefined) throw refused('invalid', `${target} is this node itself`);
      const names = cutText([...known.keys()].join(', ') || 'none', NAMES_MAX);
      throw refused('not-found', `no peer is called ${target}; the peers of ${self.name} are: ${names}`);
    },
    close(): void {
      for (const link of links.values()) link.close();
    },
  };
}
