/** `cnvm.v1.ImageService`, and the images' part of `cnvm.peer.v1`, over what the images' room offers. */
import { messageOf, refused } from '../base/errors.js';
import type * as peer from '../gen/cnvm/peer/v1/peer.js';
import type { DistributeImageResponse, ImageServiceServer } from '../gen/cnvm/v1/image.js';
import type { LayerSize, OnProgress, Progress, StoredImage } from '../images/image.js';
import type { PullOrder } from '../images/images.js';
import type { ImagePeer, ImageServing } from '../images/peer-port.js';
import type { Freed } from '../images/store.js';
import { type Handling, type Send, serverStream, unary } from './handle.js';
import { digestOf, fromLayerSizes, toProgress, toStoredImage } from './image-messages.js';
import { fromBig, required, toBig } from './messages.js';
import { withProgress } from './with-progress.js';

export interface ImagesPort {
  list(): readonly StoredImage[];
  find(wanted: string): StoredImage;
  sizes(image: StoredImage): readonly LayerSize[];
  usedBy(digest: string): readonly string[];
  layerDirectory(diffId: string): string;
  pull(order: PullOrder, report: OnProgress, signal: AbortSignal): Promise<StoredImage>;
  remove(wanted: string): Promise<Freed>;
  prune(): Promise<Freed>;
  distributeTo(to: ImagePeer, image: StoredImage, signal: AbortSignal): AsyncIterable<Progress>;
  peers(): readonly ImagePeer[];
  readonly serving: ImageServing;
}

/** More than the layers of any image, its manifest and its config. */
const BLOBS_ASKED_MAX = 1_000;

export function imageCalls(handling: Handling, images: ImagesPort): ImageServiceServer {
  const shown = (image: StoredImage) =>
    toStoredImage(image, {
      sizes: images.sizes(image),
      directoryOf: images.layerDirectory,
      cnvms: images.usedBy(image.digest),
    });
  return {
    listImages: unary(handling, async () => ({ images: images.list().map(shown) })),
    getImage: unary(handling, async ({ name }) => ({ image: shown(images.find(required(name, 'name'))) })),
    pullImage: serverStream(handling, async (request, send, { signal }) => {
      const order = { ...request, source: required(request.source, 'source') };
      const tell = (progress: Progress) => send({ event: { $case: 'progress', value: toProgress(progress) } });
      const image = await withProgress((report) => images.pull(order, report, signal), tell);
      await send({ event: { $case: 'image', value: shown(image) } });
    }),
    removeImage: unary(handling, async ({ name }) => {
      const { bytes } = await images.remove(required(name, 'name'));
      return { freedBytes: toBig(bytes) };
    }),
    pruneImages: unary(handling, async () => {
      const { images: gone, bytes } = await images.prune();
      return { images: gone, freedBytes: toBig(bytes) };
    }),
    distributeImage: serverStream(handling, async ({ name, nodes }, send, { signal }) => {
      const image = images.find(required(name, 'name'));
      const to = choosePeers(images.peers(), nodes);
      await Promise.all(to.map((one) => distribute(images, one, image, send, signal)));
    }),
  };
}

/** @throws `refused` when one is not known. */
function choosePeers(peers: readonly ImagePeer[], wanted: readonly string[]): readonly ImagePeer[] {
  const unknown = wanted.filter((name) => !peers.some((one) => one.name === name));
  if (unknown.length > 0) {
    const known = peers.map(({ name }) => name).join(', ') || 'none';
    throw refused('not-found', `no peer is called ${unknown.join(', ')}; there is: ${known}`);
  }
  return wanted.length === 0 ? peers : peers.filter(({ name }) => wanted.includes(name));
}

/** What one peer cannot do keeps no other from it. */
async function distribute(
  images: ImagesPort,
  to: ImagePeer,
  image: StoredImage,
  send: Send<DistributeImageResponse>,
  signal: AbortSignal,
): Promise<void> {
  const node = to.name;
  try {
    for await (const progress of images.distributeTo(to, image, signal))
      await send({ node, event: { $case: 'progress', value: toProgress(progress) } });
    await send({ node, event: { $case: 'done', value: true } });
  } catch (error) {
    signal.throwIfAborted();
    await send({ node, event: { $case: 'error', value: messageOf(error) } });
  }
}

export function peerImageCalls(handling: Handling, serving: ImageServing): peer.ImageServiceServer {
  return {
    haveBlobs: unary(handling, async ({ digests }) => {
      if (digests.length > BLOBS_ASKED_MAX) throw refused('invalid', `${digests.length} blobs are asked for at once`);
      return { digests: serving.have(digests.map((digest) => digestOf(digest, 'digests'))) };
    }),
    pullBlob: serverStream(handling, async ({ digest, offset }, send, { signal }) => {
      const from = fromBig(offset, 'offset');
      for await (const data of serving.pull(digestOf(digest, 'digest'), from, signal)) await send({ data });
    }),
    takeImage: serverStream(handling, async ({ digest, name, layers }, send, { caller }) => {
      const order = { digest: digestOf(digest, 'digest'), name: nameOf(name), layers: fromLayerSizes(layers) };
      for await (const progress of serving.take(order, caller.name)) await send(toProgress(progress));
    }),
  };
}

/** Only for people: one that is no name of ours is left out. */
const nameOf = (name: string) => (/^[a-z0-9]([a-z0-9._/:-]{0,254}[a-z0-9])?$/.test(name) ? name : '');
