/** Which peer a person means. Pure. */

export interface PeerNames {
  readonly name: string;
  /** HOST:PORT. */
  readonly endpoint: string;
  readonly overlayAddress: string;
}

/** The host of a HOST:PORT, without the brackets of an IPv6 address. */
export function hostOf(endpoint: string): string {
  return endpoint.slice(0, endpoint.lastIndexOf(':')).replace(/^\[|\]$/g, '');
}

/** The peer of this name, endpoint, host or overlay address; names go first. */
export function findPeer<P extends PeerNames>(target: string, peers: readonly P[]): P | undefined {
  const wanted = target.toLowerCase();
  const ways: ((peer: P) => string)[] = [
    (peer) => peer.name,
    (peer) => peer.overlayAddress,
    (peer) => hostOf(peer.endpoint),
    (peer) => peer.endpoint,
  ];
  for (const way of ways) {
    const found = peers.find((peer) => way(peer).toLowerCase() === wanted);
    if (found !== undefined) return found;
  }
  return undefined;
}
