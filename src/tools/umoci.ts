/** umoci: OCI images made of parts. Invariant: what it makes of the same parts has the same digest on every machine. */
import { run } from './run.js';

/** Compressing many gigabytes takes its time. */
const ADD_TIMEOUT_MS = 6 * 60 * 60_000;
/** When the image was made is left out: else no two of the same content would be the same. */
const CREATED = '1970-01-01T00:00:00Z';

export interface MadeImage {
  readonly entrypoint: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
}

/** Makes a layout that holds one image, called "image", whose one layer is the uncompressed archive `tarball`. */
export async function makeLayout(
  layout: string,
  tarball: string,
  { entrypoint, labels }: MadeImage,
  signal: AbortSignal,
): Promise<void> {
  const image = ['--image', `${layout}:image`];
  await run(['umoci', 'init', '--layout', layout]);
  await run(['umoci', 'new', ...image]);
  const add = ['umoci', 'raw', 'add-layer', ...image, '--history.created', CREATED, tarball];
  await run(add, { timeoutMs: ADD_TIMEOUT_MS, signal });
  const words = [
    ...entrypoint.flatMap((word) => ['--config.entrypoint', word]),
    ...Object.entries(labels).flatMap(([key, value]) => ['--config.label', `${key}=${value}`]),
  ];
  await run(['umoci', 'config', ...image, '--no-history', '--created', CREATED, ...words]);
  // What the steps before have left.
  await run(['umoci', 'gc', '--layout', layout]);
}
