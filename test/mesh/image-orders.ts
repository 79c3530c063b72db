/** What a person at a node says about its images. */
import { type Connection, call, messages } from '../../src/cli/connect.js';
import type {
  DistributeImageResponse,
  ListImagesResponse,
  PruneImagesResponse,
  RemoveImageResponse,
  StoredImage,
} from '../../src/gen/cnvm/v1/image.js';

type Ask = <T>(act: (connection: Connection) => Promise<T>) => Promise<T>;

export function imageOrders(ask: Ask) {
  return {
    async images(): Promise<readonly StoredImage[]> {
      const { images } = await ask((at) => call<ListImagesResponse>(at, (done) => at.images.listImages({}, done)));
      return images;
    },
    async pullImage(source: string, name = ''): Promise<StoredImage> {
      const request = { source, name, insecure: false, entrypoint: [], system: false };
      return await ask(async (at) => {
        for await (const { event } of messages(at, at.images.pullImage(request)))
          if (event?.$case === 'image') return event.value;
        throw new Error('the pull has no end');
      });
    },
    removeImage: async (name: string): Promise<RemoveImageResponse> =>
      await ask((at) => call<RemoveImageResponse>(at, (done) => at.images.removeImage({ name }, done))),
    pruneImages: async (): Promise<PruneImagesResponse> =>
      await ask((at) => call<PruneImagesResponse>(at, (done) => at.images.pruneImages({}, done))),
    /** @returns for each peer "done", or why not. */
    async distributeImage(name: string, nodes: readonly string[] = []): Promise<Record<string, string>> {
      return await ask(async (at) => {
        const ends: Record<string, string> = {};
        const take = ({ node, event }: DistributeImageResponse) => {
          if (event?.$case === 'done') ends[node] = 'done';
          if (event?.$case === 'error') ends[node] = event.value;
        };
        for await (const message of messages(at, at.images.distributeImage({ name, nodes }))) take(message);
        return ends;
      });
    },
  };
}
