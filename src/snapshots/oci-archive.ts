/**
 * A snapshot as one file: an OCI archive, which tools for images can look at and carry. Invariant: each file of the snapshot,
 * its manifest too, is a layer with its path for a title; it is no image, so nothing of it has an image layer's type.
 */
import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { link, lstat, mkdir, open, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { CnvmError, messageOf, refused } from '../base/errors.js';
import { hexOf } from '../images/layout.js';
import { ociArchitecture, onlyManifest } from '../images/oci.js';
import { packDirectory, unpackPlain } from '../tools/tar.js';
import { DISK, MANIFEST, type Manifest, MEMORY, manifestText, SNAPSHOT_FILE } from './manifest.js';

const TITLE = 'org.opencontainers.image.title';
const MANIFEST_TYPE = 'application/vnd.oci.image.manifest.v1+json';
const LAYER_TYPES: Readonly<Record<string, string>> = {
  [MANIFEST]: 'application/vnd.cnvm.snapshot.manifest.v1+json',
  [DISK]: 'application/vnd.cnvm.snapshot.disk.v1.tar',
  [MEMORY]: 'application/vnd.cnvm.snapshot.memory.v1',
};
/** Of a description; it names a million files at the most. */
const TEXT_BYTES_MAX = 512 * 1024 * 1024;

const layersSchema = z.object({
  layers: z.array(z.object({ digest: z.string(), annotations: z.record(z.string(), z.string()).optional() })).min(1),
});

interface Blob {
  readonly bytes: number;
  readonly sha256: string;
}

/** Moves the files of the snapshot in `directory` into the archive `file`. @param layout where it is put together, beside them. */
export async function packArchive(
  { directory, layout, file }: { readonly directory: string; readonly layout: string; readonly file: string },
  manifest: Manifest,
  signal: AbortSignal,
): Promise<void> {
  const blobs = join(layout, 'blobs', 'sha256');
  await mkdir(blobs, { recursive: true, mode: 0o700 });
  const put = async (text: string): Promise<Blob> => {
    const sha256 = sumOfText(text);
    await writeFile(join(blobs, sha256), text);
    return { bytes: Buffer.byteLength(text), sha256 };
  };
  // Two with the same content are one blob.
  for (const { path, sha256 } of manifest.files) await rename(join(directory, path), join(blobs, sha256));
  const files = [{ path: MANIFEST, ...(await put(manifestText(manifest))) }, ...manifest.files];
  const config = await put(JSON.stringify(configOf(manifest, files)));
  const whole = await put(JSON.stringify(ociManifest(manifest, config, files)));
  await writeFile(join(layout, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
  const index = { schemaVersion: 2, manifests: [descriptor(MANIFEST_TYPE, whole)] };
  await writeFile(join(layout, 'index.json'), JSON.stringify(index));
  // All that the cnvm knows is in it: it is root's alone, from its first byte on.
  await writeFile(file, '', { mode: 0o600, flag: 'wx' });
  await packDirectory(layout, file, signal);
}

/**
 * Afterwards the snapshot lies in `directory`, as one that was never in an archive; its sums are still to be looked at.
 * @throws `refused` when there is none in it.
 */
export async function openArchive(file: string, directory: string, signal: AbortSignal): Promise<void> {
  const layout = join(directory, '.layout');
  await mkdir(join(directory, MEMORY), { recursive: true, mode: 0o700 });
  await mkdir(layout, { mode: 0o700 });
  try {
    await unpackPlain(file, layout, signal);
    const blobs = join(layout, 'blobs', 'sha256');
    for (const place of [dirname(blobs), blobs])
      if (!(await lstat(place)).isDirectory()) throw refused('invalid', 'its blobs are elsewhere');
    const digest = onlyManifest(await textOf(join(layout, 'index.json')));
    const { layers } = layersSchema.parse(JSON.parse(await checkedText(blobs, hexOf(digest))));
    for (const { digest: one, annotations } of layers) {
      const path = annotations?.[TITLE] ?? '';
      if (path !== MANIFEST && !SNAPSHOT_FILE.test(path))
        throw refused('invalid', `"${path}" is no file of a snapshot`);
      const blob = join(blobs, hexOf(one));
      if (!(await lstat(blob)).isFile()) throw refused('invalid', `"${path}" is no file in it`);
      if (path === MANIFEST) await checkedText(blobs, hexOf(one));
      await link(blob, join(directory, path));
    }
  } catch (error) {
    signal.throwIfAborted();
    if (isFull(error)) throw refused('state', `there is no room to unpack ${file}`, { cause: error });
    throw refused('invalid', `${file} is no snapshot: ${messageOf(error)}`, { cause: error });
  } finally {
    await rm(layout, { recursive: true, force: true });
  }
}

/** By tar's word. */
const isFull = (error: unknown): boolean =>
  error instanceof CnvmError && /No space left on device/.test(error.tool?.lastLines ?? '');

const descriptor = (mediaType: string, { bytes, sha256 }: Blob) => ({
  mediaType,
  digest: `sha256:${sha256}`,
  size: bytes,
});

function ociManifest(manifest: Manifest, config: Blob, files: readonly (Blob & { readonly path: string })[]): object {
  const layers = files.map((file) => ({
    ...descriptor(LAYER_TYPES[file.path] ?? LAYER_TYPES[MEMORY] ?? '', file),
    annotations: { [TITLE]: file.path },
  }));
  const annotations = { 'org.opencontainers.image.created': manifest.createTime };
  const image = descriptor('application/vnd.oci.image.config.v1+json', config);
  return { schemaVersion: 2, mediaType: MANIFEST_TYPE, config: image, layers, annotations };
}

/** What tools for images show of it. */
function configOf({ createTime, record, node, memory }: Manifest, files: readonly Blob[]): object {
  const labels = {
    'cnvm.snapshot': record.name,
    'cnvm.snapshot.memory': String(memory),
    'cnvm.snapshot.image': `${record.image.name}@${record.image.digest}`,
  };
  return {
    ...{
      created: createTime,
      architecture: ociArchitecture(node.architecture),
      os: 'linux',
      config: { Labels: labels },
    },
    rootfs: { type: 'layers', diff_ids: files.map(({ sha256 }) => `sha256:${sha256}`) },
  };
}

async function checkedText(blobs: string, hex: string): Promise<string> {
  const text = await textOf(join(blobs, hex));
  if (sumOfText(text) !== hex) throw refused('invalid', `the blob ${hex} is not what it was`);
  return text;
}

/** A plain file's, and no link's. */
async function textOf(path: string): Promise<string> {
  const handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const found = await handle.stat();
    if (!found.isFile() || found.size > TEXT_BYTES_MAX) throw refused('invalid', `${path} is no description`);
    return await handle.readFile('utf8');
  } finally {
    await handle.close();
  }
}

const sumOfText = (text: string): string => createHash('sha256').update(text).digest('hex');
