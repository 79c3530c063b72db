/** What happens on a peer, as this node follows it. Invariant: a peer of a version that does not tell has said nothing. */
import { type ServiceError, status } from '@grpc/grpc-js';
import type { WatchServiceClient } from '../gen/cnvm/peer/v1/watch.js';
import type { FollowLink } from '../watch/follow-peers.js';
import { fromServiceError } from './status.js';
import { fromNews } from './watch-messages.js';

/** A peer of an older version is asked again when it may have been brought up to date. */
const OLD_MS = 60_000;

/** @param client as it is connected now. @param who is called, for people. */
export function watchLink(client: () => WatchServiceClient, who: string): FollowLink {
  let oldUntil = 0;
  return {
    async *follow(signal) {
      if (performance.now() < oldUntil) return;
      signal.throwIfAborted();
      const stream = client().follow({});
      const cancel = () => stream.cancel();
      signal.addEventListener('abort', cancel, { once: true });
      try {
        for await (const message of stream) {
          const news = fromNews(message as Parameters<typeof fromNews>[0]);
          if (news !== undefined) yield news;
        }
      } catch (error) {
        if ((error as ServiceError).code !== status.UNIMPLEMENTED) throw fromServiceError(error as ServiceError, who);
        oldUntil = performance.now() + OLD_MS;
      } finally {
        signal.removeEventListener('abort', cancel);
        stream.cancel();
      }
    },
  };
}
