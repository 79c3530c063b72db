/** A peer's images, as this node asks for them. Bulk goes over the bulk's connection. Invariant: what comes is checked by who asked. */
import { type ClientReadableStream, Metadata, type ServiceError } from '@grpc/grpc-js';
import type * as wire from '../gen/cnvm/peer/v1/peer.js';
import type { Progress } from '../images/image.js';
import type { ImagePeer, TakeOrder } from '../images/peer-port.js';
import type { Clients, Connection } from './connection.js';
import { fromProgress, toLayerSize } from './image-messages.js';
import { toBig } from './messages.js';
import { fromServiceError } from './status.js';

export type WithImages = Clients & { readonly images: wire.ImageServiceClient };

/** For each answer; what is bulk has no limit but the signal. */
const ANSWER_MS = 3_000;

/** @param who is called, for people. */
export function imageLink(
  name: string,
  who: string,
  control: Connection<WithImages>,
  bulk: Connection<WithImages>,
): ImagePeer {
  return {
    name,
    async have(digests, signal) {
      const answer = await control.call<wire.HaveBlobsResponse>(
        { timeoutMs: ANSWER_MS, signal },
        ({ images }, o, done) => images.haveBlobs({ digests }, new Metadata(), o, done),
      );
      return answer.digests;
    },
    async *pull(digest, offset, signal) {
      const begin = () => bulk.clients().images.pullBlob({ digest, offset: toBig(offset) });
      for await (const { data } of messagesOf(begin, who, signal)) yield data;
    },
    take: (order, signal) => takeImage(control, who, order, signal),
  };
}

export async function* takeImage(
  control: Connection<WithImages>,
  who: string,
  { digest, name, layers }: TakeOrder,
  signal: AbortSignal,
): AsyncGenerator<Progress> {
  const begin = () => control.clients().images.takeImage({ digest, name, layers: layers.map(toLayerSize) });
  for await (const progress of messagesOf(begin, who, signal)) yield fromProgress(progress);
}

/** The messages of a call, which ends when nobody wants more of them. */
async function* messagesOf<A>(
  begin: () => ClientReadableStream<A>,
  who: string,
  signal: AbortSignal,
): AsyncGenerator<A> {
  signal.throwIfAborted();
  const stream = begin();
  const cancel = () => stream.cancel();
  signal.addEventListener('abort', cancel, { once: true });
  try {
    for await (const message of stream) yield message as A;
  } catch (error) {
    signal.throwIfAborted();
    throw fromServiceError(error as ServiceError, who);
  } finally {
    signal.removeEventListener('abort', cancel);
    stream.cancel();
  }
}
