/** Images as messages, and back. Tables and copies; decides nothing. */
import { refused } from '../base/errors.js';
import type * as peer from '../gen/cnvm/peer/v1/peer.js';
import type * as wire from '../gen/cnvm/v1/image.js';
import type { LayerSize, Progress, StoredImage } from '../images/image.js';
import { isDigest, LAYERS_MAX } from '../images/layout.js';
import { fromBig, fromMeasure, toBig } from './messages.js';

/** What only the node that has it can say of it. */
export interface OnThisNode {
  readonly sizes: readonly LayerSize[];
  readonly directoryOf: (diffId: string) => string;
  readonly cnvms: readonly string[];
}

export function toStoredImage(image: StoredImage, { sizes, directoryOf, cnvms }: OnThisNode): wire.StoredImage {
  const { names, digest, system, architecture, createTime, program, labels } = image;
  const { entrypoint, command, env, user, workingDir, stopSignal, volumes, ports } = program;
  return {
    ...{ names, digest, system, architecture, labels, cnvms },
    createTime: new Date(createTime),
    layers: sizes.map((layer) => ({ ...toLayerSize(layer), directory: directoryOf(layer.diffId) })),
    ...{ entrypoint, command, env, user, workingDir, stopSignal, volumes, ports },
  };
}

export function toLayerSize({ digest, diffId, bytes, unpackedBytes }: LayerSize): peer.LayerSize {
  return { digest, diffId, bytes: toBig(bytes), unpackedBytes: toBig(unpackedBytes) };
}

/** @throws `refused` when one is named by what is no digest, or there are more than any image has. */
export function fromLayerSizes(layers: readonly peer.LayerSize[]): LayerSize[] {
  if (layers.length > LAYERS_MAX) throw refused('invalid', `an image of ${layers.length} layers is offered`);
  return layers.map(({ digest, diffId, bytes, unpackedBytes }) => ({
    digest: digestOf(digest, 'layers.digest'),
    diffId: digestOf(diffId, 'layers.diff_id'),
    bytes: fromBig(bytes, 'layers.bytes'),
    unpackedBytes: fromMeasure(unpackedBytes),
  }));
}

/** @throws `refused` when it is none. */
export function digestOf(text: string, field: string): string {
  if (!isDigest(text)) throw refused('invalid', `the field "${field}" is no digest`);
  return text;
}

export function toProgress({ step, bytesDone, bytesTotal }: Progress): wire.ImageProgress {
  return { step, bytesDone: toBig(bytesDone), bytesTotal: toBig(bytesTotal) };
}

export function fromProgress({ step, bytesDone, bytesTotal }: peer.TakeImageResponse): Progress {
  return { step, bytesDone: fromMeasure(bytesDone), bytesTotal: fromMeasure(bytesTotal) };
}
