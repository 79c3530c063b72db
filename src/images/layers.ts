/** How an image's layers are stacked, pure. */
import type { Image } from './image.js';
import { layerId } from './layout.js';

/**
 * Names of directories in the store, the uppermost first. The kernel takes each once; one that is there twice counts where it
 * is uppermost, as there it hides, or takes away, all that it has below.
 */
export function lowerNames({ layers }: Image): string[] {
  return [...new Set(layers.map(({ diffId }) => layerId(diffId)).reverse())];
}
