/** Images: read-only roots that cnvms are made from, as `imagesDir/NAME/{image.json,rootfs}`. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { messageOf, refused } from '../base/errors.js';

const imageSchema = z.object({
  name: z.string(),
  /** sha256:HEX of the root's content. */
  digest: z.string().startsWith('sha256:'),
  entrypoint: z.array(z.string()).min(1),
  env: z.array(z.string()),
  stopSignal: z.string().default('SIGTERM'),
});

export type Image = z.infer<typeof imageSchema> & { readonly rootfs: string };

/** Every image that is whole; one that is not is skipped, and `findImage` says why. */
export function listImages(imagesDir: string): Image[] {
  return readImages(imagesDir).filter((image) => typeof image !== 'string');
}

/** Each image, or why it cannot be used. */
function readImages(imagesDir: string): (Image | string)[] {
  if (!existsSync(imagesDir)) return [];
  return readdirSync(imagesDir)
    .sort()
    .filter((name) => existsSync(join(imagesDir, name, 'image.json')))
    .map((name) => readImage(imagesDir, name));
}

/** @throws `refused` when there is no such image here. */
export function findImage(imagesDir: string, name: string): Image {
  const read = readImages(imagesDir);
  const images = read.filter((image) => typeof image !== 'string');
  const image = images.find((candidate) => candidate.name === name);
  if (image !== undefined) return image;
  const known = images.map((candidate) => candidate.name).join(', ') || 'none';
  const reasons = read.filter((why) => typeof why === 'string');
  throw refused('not-found', [`there is no image "${name}" here; there is: ${known}`, ...reasons].join('; '));
}

function readImage(imagesDir: string, name: string): Image | string {
  const file = join(imagesDir, name, 'image.json');
  try {
    return { ...imageSchema.parse(JSON.parse(readFileSync(file, 'utf8'))), rootfs: join(imagesDir, name, 'rootfs') };
  } catch (error) {
    return `${file} cannot be read: ${messageOf(error)}`;
  }
}
