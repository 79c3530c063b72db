/**
 * A peer's bulk, as this node pulls it. Invariant: what is given on has come whole and as it was sent, or its reader is
 * told that it has not.
 */
import type { Duplex } from 'node:stream';
import {
  type ChannelCredentials,
  type ChannelOptions,
  type Client,
  makeGenericClientConstructor,
  type ServiceError,
} from '@grpc/grpc-js';
import { CnvmError, refused } from '../base/errors.js';
import type * as wire from '../gen/cnvm/peer/v1/peer.js';
import type { Compress } from '../migration/migration.js';
import type { BulkLink, ImageChunk } from '../migration/peer-port.js';
import { bulkService } from './bulk-codec.js';
import { toCompression } from './messages.js';
import { loadZstd } from './packing.js';
import { CHANNELS } from './peer-calls.js';
import { fromServiceError } from './status.js';
import { createImageSum, faultIn, newSumKey } from './sum.js';
import { clientTunnel } from './tunnel.js';

const BulkClient = makeGenericClientConstructor(bulkService, 'cnvm.peer.v1.BulkService') as unknown as new (
  ...parameters: ConstructorParameters<typeof Client>
) => wire.BulkServiceClient;

export function createBulkClient(
  endpoint: string,
  secure: ChannelCredentials,
  options: ChannelOptions,
): wire.BulkServiceClient {
  return new BulkClient(endpoint, secure, options);
}

/** @param client as it is connected now. @param who is called, for people. */
export function bulkLink(
  client: () => wire.BulkServiceClient,
  who: string,
  reach: BulkLink['reach'],
  compress: Compress,
): BulkLink {
  return {
    asking: (other) => bulkLink(client, who, reach, other),
    async reach(signal) {
      // What comes may be compressed from its first byte on, and a tunnel has no time to wait for it.
      if (compress !== 'none') await loadZstd();
      await reach(signal);
    },
    tunnel(migration, channel, round): Duplex {
      const open = { migration, channel: CHANNELS[channel], round, compression: toCompression(compress) };
      return clientTunnel(client().tunnel(), open, (error) => fromServiceError(error as ServiceError, who));
    },
    async *pullImages(migration, signal): AsyncGenerator<ImageChunk> {
      signal.throwIfAborted();
      const sumKey = newSumKey();
      const stream = client().pullImages({ migration, sumKey });
      const cancel = () => stream.cancel();
      signal.addEventListener('abort', cancel, { once: true });
      try {
        yield* wholeImages(stream, sumKey);
      } catch (error) {
        throw error instanceof CnvmError ? error : fromServiceError(error as ServiceError, who);
      } finally {
        signal.removeEventListener('abort', cancel);
        stream.cancel();
      }
    },
  };
}

/** @throws when they do not end, or are not as they were sent: by then they have been taken, but nothing is made of them. */
async function* wholeImages(chunks: AsyncIterable<wire.PullImagesResponse>, sumKey: Uint8Array) {
  const sum = createImageSum(sumKey);
  let end: wire.StreamEnd | undefined;
  for await (const chunk of chunks) {
    if (end !== undefined) throw refused('invalid', 'the images went on after their end');
    ({ end } = chunk);
    if (end !== undefined) continue;
    sum.addChunk(chunk);
    yield { file: chunk.file, data: chunk.data, last: chunk.last };
  }
  const fault = faultIn(sum, end, 'the stream of images');
  if (fault !== undefined) throw fault;
}
