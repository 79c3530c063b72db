/**
 * Hears what happens on the peers, while somebody here wants to know. Invariant: one stream for each peer at most; a peer
 * whose stream has ended has said nothing, as far as anybody here knows; one of an older version is no failure.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { messageOf } from '../base/errors.js';
import type { News } from './own-feed.js';

/** What this room needs of a peer. */
export interface FollowLink {
  /** What happens there, until the signal fires. @returns without a word when the peer is of a version that does not tell. */
  follow(signal: AbortSignal): AsyncIterable<News>;
}

export interface FollowPorts {
  readonly peers: () => readonly { readonly name: string; readonly link: FollowLink }[];
  /** @param news undefined: nothing is known of that peer any more. */
  readonly hear: (peer: string, news: News | undefined) => void;
  readonly log: Logger;
}

/** New peers are looked for so often. */
const LOOK_EVERY_MS = 500;
/** A stream that ended is begun again after the first, and each time later up to the last. */
const AGAIN_MS_MIN = 500;
const AGAIN_MS_MAX = 5_000;

/** Begins to hear. @returns what ends it; afterwards nothing is heard any more. */
export function followPeers({ peers, hear, log }: FollowPorts): () => void {
  const stopped = new AbortController();
  const { signal } = stopped;
  const following = new Set<string>();
  const pause = async (ms: number) => await sleep(ms, undefined, { signal, ref: false }).catch(() => undefined);

  async function follow(name: string): Promise<void> {
    for (let againMs = AGAIN_MS_MIN; !signal.aborted; againMs = Math.min(AGAIN_MS_MAX, againMs * 2)) {
      const link = peers().find((peer) => peer.name === name)?.link;
      if (link === undefined) break;
      try {
        for await (const news of link.follow(signal)) {
          if (signal.aborted) return;
          againMs = AGAIN_MS_MIN;
          hear(name, news);
        }
      } catch (error) {
        log.debug({ peer: name, error: messageOf(error) }, 'what happens there is not heard');
      }
      if (signal.aborted) return;
      hear(name, undefined);
      await pause(againMs);
    }
    following.delete(name);
  }

  async function look(): Promise<void> {
    while (!signal.aborted) {
      for (const { name } of peers()) {
        if (following.has(name)) continue;
        following.add(name);
        void follow(name);
      }
      await pause(LOOK_EVERY_MS);
    }
  }

  void look();
  return () => stopped.abort();
}
