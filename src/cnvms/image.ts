/** Images: read-only roots that cnvms are made from, as `imagesDir/NAME/{image.json,rootfs}`. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { refused } from '../base/errors.js';

const imageSchema = z.object({
  name: z.string(),
  /** sha256:HEX of the root's content. */
  digest: z.string().startsWith('sha256:'),
  entrypoint: z.array(z.string()).min(1),
  env: z.array(z.string()),
  stopSignal: z.string().default('SIGTERM'),
});

export type Image = z.infer<typeof imageSchema> & { readonly rootfs: string };

/** Every image that is whole; one that is not is skipped. */
export function listImages(imagesDir: string): Image[] {
  if (!existsSync(imagesDir)) return [];
  return readdirSync(imagesDir)
    .sort()
    .filter((name) => existsSync(join(imagesDir, name, 'image.json')))
    .map((name) => readImage(imagesDir, name));
}

/** @throws `refused` when there is no such image here. */
export function findImage(imagesDir: string, name: string): Image {
  const images = listImages(imagesDir);
  const image = images.find((candidate) => candidate.name === name);
  if (image !== undefined) return image;
  const known = images.map((candidate) => candidate.name).join(', ') || 'none';
  throw refused('not-found', `there is no image "${name}" here; there is: ${known}`);
}

function readImage(imagesDir: string, name: string): Image {
  const image = imageSchema.parse(JSON.parse(readFileSync(join(imagesDir, name, 'image.json'), 'utf8')));
  return { ...image, rootfs: join(imagesDir, name, 'rootfs') };
}
