/** Whether there is room for an image, pure: both figures in the answer. */
import { wholeMibFigure } from '../base/figures.js';
import type { LayerSize } from './image.js';

/** What is compressed becomes so many times as big; roots of Debian become 2.5 times as big. */
const UNPACKED_FACTOR = 3;
const SPARE_BYTES = 64 * 1024 * 1024;

/** For blobs of which only their own bytes are known. */
export function needFor(blobs: readonly { readonly bytes: number }[]): number {
  const bytes = blobs.reduce((sum, blob) => sum + blob.bytes, 0);
  return bytes * (1 + UNPACKED_FACTOR) + SPARE_BYTES;
}

/** For layers of which a node that has them says what they take. */
export function needForLayers(
  layers: readonly (LayerSize & { readonly hasBlob: boolean; readonly hasLayer: boolean })[],
) {
  if (layers.every(({ hasBlob, hasLayer }) => hasBlob && hasLayer)) return 0;
  const needs = layers.map(
    ({ bytes, unpackedBytes, hasBlob, hasLayer }) => (hasBlob ? 0 : bytes) + (hasLayer ? 0 : unpackedBytes),
  );
  return needs.reduce((sum, need) => sum + need, SPARE_BYTES);
}

/** Why it does not fit; undefined when it does. */
export function shortage(needBytes: number, availableBytes: number, where: string): string | undefined {
  if (needBytes <= availableBytes) return undefined;
  return `not enough space for the image in ${where}: ${wholeMibFigure(needBytes)} needed, ${wholeMibFigure(availableBytes)} free`;
}
