/** The nodes' base image, for what runs it without us. */
import type { Lab } from '../lab.js';

export interface BaseImage {
  /** Its one layer, which is a whole root. */
  readonly root: string;
  readonly entrypoint: readonly string[];
}

export async function baseImage(lab: Lab, node: string): Promise<BaseImage> {
  const image = await lab.json<{ layers: { directory: string }[]; entrypoint: string[] }>(
    node,
    ...['cnvm', 'image', 'inspect', 'base'],
  );
  const [layer, second] = image.layers;
  if (layer === undefined || second !== undefined) throw new Error(`the base image has ${image.layers.length} layers`);
  return { root: layer.directory, entrypoint: image.entrypoint };
}
