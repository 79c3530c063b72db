/** `cnvm.v1.WatchService`, and what peers follow, over what the watch's room offers. */
import type { WatchServiceServer as PeerWatchServer } from '../gen/cnvm/peer/v1/watch.js';
import type { WatchResponse, WatchServiceServer } from '../gen/cnvm/v1/watch.js';
import type { Wanted } from '../watch/happenings.js';
import type { News } from '../watch/own-feed.js';
import type { Watched } from '../watch/watching.js';
import { type Handling, serverStream } from './handle.js';
import { fromKinds, toNews, toSnapshots, toWatchEvent } from './watch-messages.js';

export interface WatchPort {
  watch(wanted: Wanted, signal: AbortSignal): AsyncIterable<Watched>;
  tellOwn(signal: AbortSignal): AsyncIterable<News>;
}

export function watchCalls(handling: Handling, port: WatchPort): WatchServiceServer {
  return {
    watch: serverStream(handling, async (request, send, { signal }) => {
      const wanted = { kinds: fromKinds(request.kinds), name: request.name };
      for await (const watched of port.watch(wanted, signal))
        for (const message of messagesOf(watched)) await send(message);
    }),
  };
}

function* messagesOf(watched: Watched): Generator<WatchResponse> {
  switch (watched.kind) {
    case 'snapshot':
      for (const value of toSnapshots(watched.node, watched.standing)) yield { what: { $case: 'snapshot', value } };
      return;
    case 'happening':
      yield { what: { $case: 'event', value: toWatchEvent(watched.happening) } };
      return;
    case 'lost':
      yield { what: { $case: 'lost', value: BigInt(watched.count) } };
  }
}

export function followCalls(handling: Handling, port: WatchPort): PeerWatchServer {
  return {
    follow: serverStream(handling, async (_, send, { signal }) => {
      for await (const news of port.tellOwn(signal)) await send(toNews(news));
    }),
  };
}
