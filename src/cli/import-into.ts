/** Brings an image into a store without a daemon, as when a machine is prepared. No daemon may use the store meanwhile. */
import { resolve } from 'node:path';
import { createLog } from '../base/log.js';
import type { PullImageRequest, StoredImage } from '../gen/cnvm/v1/image.js';
import { createImages } from '../images/images.js';
import { ociArchitecture } from '../images/oci.js';
import { createImageTools } from '../images/real-tools.js';
import { openImageStore } from '../images/store.js';
import { toProgress, toStoredImage } from '../rpc/image-messages.js';

export async function importInto(
  directory: string,
  order: PullImageRequest,
  show: (node: string, progress: ReturnType<typeof toProgress>) => void,
): Promise<StoredImage> {
  const architecture = ociArchitecture(process.arch);
  const store = openImageStore(resolve(directory));
  const images = createImages({
    ...{ node: 'this machine', store, tools: createImageTools(architecture), architecture },
    usedBy: () => [],
    peers: () => [],
    log: createLog({ level: 'error', pretty: true }, {}),
  });
  const never = new AbortController();
  const image = await images.pull(order, (progress) => show('', toProgress(progress)), never.signal);
  return toStoredImage(image, { sizes: store.sizes(image), directoryOf: store.layerDirectory, cnvms: [] });
}
