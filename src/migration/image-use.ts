/** What migrations want of this node's images. */
import type { CnvmRecord } from '../cnvms/cnvm.js';
import type { LayerSize, StoredImage } from '../images/image.js';
import type { Journal } from './journal.js';

/** What the source of a cnvm can give of its image; nothing of one that it has not. */
export function imagesGiven(images: {
  list(): readonly StoredImage[];
  sizes(image: StoredImage): readonly LayerSize[];
}) {
  return {
    layersOf(digest: string): readonly LayerSize[] {
      const image = images.list().find((one) => one.digest === digest);
      return image === undefined ? [] : images.sizes(image);
    },
  };
}

/** Names of cnvms that are, or may soon be again, here and made from an image. */
export function madeFrom(digest: string, here: readonly CnvmRecord[], journal: Pick<Journal, 'newestFirst'>): string[] {
  const open = journal.newestFirst().filter(({ settled }) => !settled);
  const records = [...here, ...open.map(({ record }) => record)];
  return [...new Set(records.filter(({ image }) => image.digest === digest).map(({ name }) => name))];
}
