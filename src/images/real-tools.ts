/** This room's tools on real programs: skopeo, umoci, tar. Invariant: what cannot be had is refused with skopeo's own reason. */
import { createReadStream, createWriteStream } from 'node:fs';
import { stat, statfs, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { hasErrno, messageOf, refused } from '../base/errors.js';
import { compressorOf, decompress } from '../tools/decompress.js';
import { diskUsage } from '../tools/du.js';
import { copyToLayout, imageConfig, imageManifest } from '../tools/skopeo.js';
import { syncFileSystem } from '../tools/sync.js';
import { packDirectory } from '../tools/tar.js';
import { makeLayout } from '../tools/umoci.js';
import { chosenOf, KIND_LABEL, parseManifest } from './oci.js';
import type { ImageTools, Looked } from './tools-port.js';
import { unpackLayer } from './unpack.js';

/** @param architecture as OCI names it. */
export function createImageTools(architecture: string): ImageTools {
  async function blobsOf(reference: string, insecure: boolean, signal: AbortSignal): Promise<Looked['blobs']> {
    const text = await imageManifest(reference, { insecure }, signal);
    const chosen = chosenOf(text, architecture);
    // Within a layout one cannot ask for a manifest by its digest; such a list says nothing of sizes.
    if (chosen !== undefined && !reference.startsWith('docker://')) return [];
    const one = chosen === undefined ? text : await imageManifest(withDigest(reference, chosen), { insecure }, signal);
    return parseManifest(one).layers.map(({ digest, size }) => ({ digest, bytes: size }));
  }

  return {
    async look(reference, insecure, signal) {
      try {
        const config = await imageConfig(reference, { insecure }, signal);
        return { config, blobs: await blobsOf(reference, insecure, signal) };
      } catch (error) {
        signal.throwIfAborted();
        throw refused('not-found', messageOf(error), { cause: error, remedy: remedyFor(messageOf(error)) });
      }
    },
    fetch: (reference, insecure, layout, blobs, signal) =>
      copyToLayout(reference, { insecure }, { layout, blobs }, signal),
    async rootBytes(path) {
      const found = await look(path);
      return found.isDirectory() ? await diskUsage(path) : found.size;
    },
    async make(path, layout, { entrypoint, system }, signal) {
      const archive = `${layout}.tar`;
      if ((await look(path)).isDirectory()) await packDirectory(path, archive, signal);
      else await plainCopy(path, archive, signal);
      const labels = { [KIND_LABEL]: system ? 'system' : 'classic' };
      await makeLayout(layout, archive, { entrypoint, labels }, signal);
      // It has been taken in, and would take the space once more.
      await writeFile(archive, '');
      return `oci:${layout}:image`;
    },
    unpack: (blob, layer, target, onBytes, signal) =>
      unpackLayer({ blob, layer, target, work: join(target, '..') }, onBytes, signal),
    bytesOf: diskUsage,
    flush: syncFileSystem,
    async available(directory) {
      const { bavail, bsize } = await statfs(directory);
      return bavail * bsize;
    },
  };
}

async function look(path: string) {
  try {
    const found = await stat(path);
    if (found.isDirectory() || found.isFile()) return found;
  } catch (error) {
    if (!hasErrno(error, 'ENOENT') && !hasErrno(error, 'ENOTDIR')) throw error;
  }
  throw refused('not-found', `there is no root directory and no tarball at ${path} on this node`);
}

async function plainCopy(from: string, to: string, signal: AbortSignal): Promise<void> {
  const program = await compressorOf(from);
  if (program === undefined) return await pipeline(createReadStream(from), createWriteStream(to), { signal });
  const tool = decompress(program);
  await Promise.all([
    pipeline(createReadStream(from), tool.stdin, { signal }),
    pipeline(tool.stdout, createWriteStream(to), { signal }),
  ]);
  await tool.ended;
}

/** The same image's other name: by the digest of one of its manifests. */
function withDigest(reference: string, digest: string): string {
  return `${reference.replace(/(\/[^/:@]+)[:@][^/]*$/, '$1')}@${digest}`;
}

function remedyFor(words: string): string {
  if (/http: server gave HTTP response to HTTPS client|certificate/i.test(words))
    return 'If that registry is to be trusted as it is: --insecure';
  if (/unauthorized|authentication required|denied/i.test(words)) return 'Log in on this node with: skopeo login HOST';
  return 'Is it written as it should be? For example docker://docker.io/library/nginx:1.27';
}
