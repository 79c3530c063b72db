/**
 * The images' tools without programs: they work on OCI layouts as files, and a registry is layouts by their reference. Invariant:
 * `test/contract/image-tools-contract.ts` holds them to what the real ones do.
 */
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { refused } from '../../src/base/errors.js';
import type { Layer } from '../../src/images/image.js';
import { onlyManifest, parseManifest } from '../../src/images/oci.js';
import type { ImageTools } from '../../src/images/tools-port.js';
import { digestOf, fakeImage, writeIndex, writeLayout } from './fake-image.js';

export interface FakeRegistry {
  /** Directories of layouts, by "docker://..." */
  readonly layouts: Map<string, string>;
  /** Digests of blobs that were fetched. */
  readonly fetched: string[];
  /** Bytes that are free for images. */
  availableBytes: number;
  /** Waited for before each blob is fetched. */
  beforeBlob: () => Promise<void>;
}

export const newRegistry = (): FakeRegistry => ({
  layouts: new Map(),
  fetched: [],
  availableBytes: 2 ** 40,
  beforeBlob: async () => undefined,
});

export function createFakeImageTools(registry: FakeRegistry): ImageTools {
  const layoutOf = (reference: string): string => {
    const [, directory] = /^oci:([^:]+)/.exec(reference) ?? [];
    const layout = directory ?? registry.layouts.get(reference);
    if (layout === undefined || !existsSync(join(layout, 'index.json')))
      throw refused('not-found', `there is no ${reference}`);
    return layout;
  };
  const blobIn = (layout: string, digest: string) => join(layout, 'blobs', 'sha256', digest.slice('sha256:'.length));

  function manifestOf(layout: string) {
    const index = readFileSync(join(layout, 'index.json'), 'utf8');
    const digest = onlyManifest(index);
    return { digest, manifest: parseManifest(readFileSync(blobIn(layout, digest), 'utf8')) };
  }

  return {
    async look(reference) {
      const layout = layoutOf(reference);
      const { manifest } = manifestOf(layout);
      return {
        config: readFileSync(blobIn(layout, manifest.config.digest), 'utf8'),
        blobs: manifest.layers.map(({ digest, size }) => ({ digest, bytes: size })),
      };
    },

    async fetch(reference, _, layout, blobs, signal) {
      const from = layoutOf(reference);
      const { digest, manifest } = manifestOf(from);
      for (const one of [...manifest.layers, manifest.config].map((blob) => blob.digest).concat(digest)) {
        const to = join(blobs, 'sha256', one.slice('sha256:'.length));
        if (existsSync(to)) continue;
        await registry.beforeBlob();
        signal.throwIfAborted();
        if (digestOf(readFileSync(blobIn(from, one))) !== one) throw new Error(`the digest of ${one} did not match`);
        mkdirSync(join(blobs, 'sha256'), { recursive: true });
        copyFileSync(blobIn(from, one), to);
        registry.fetched.push(one);
      }
      writeIndex(layout, digest, statSync(join(blobs, 'sha256', digest.slice('sha256:'.length))).size);
    },

    async rootBytes(path) {
      if (!existsSync(path)) throw refused('not-found', `there is no root at ${path}`);
      return 1;
    },

    async make(path, layout, { entrypoint, system }) {
      const files = Object.fromEntries(readdirSync(path).map((name) => [name, readFileSync(join(path, name), 'utf8')]));
      const Labels = { 'cnvm.kind': system ? 'system' : 'classic' };
      writeLayout(layout, fakeImage({ layers: [files], config: { Entrypoint: entrypoint, Labels } }));
      return `oci:${layout}:image`;
    },

    async unpack(blob, layer: Layer, target, onBytes) {
      const bytes = readFileSync(blob);
      for (const wanted of [layer.digest, layer.diffId])
        if (digestOf(bytes) !== wanted) throw refused('invalid', `the layer is not what its digest says: ${wanted}`);
      for (const [path, text] of Object.entries(JSON.parse(bytes.toString()) as Record<string, string>)) {
        mkdirSync(join(target, path, '..'), { recursive: true });
        writeFileSync(join(target, path), text);
      }
      onBytes(bytes.length);
    },
    bytesOf: async (directory) =>
      readdirSync(directory).reduce((sum, name) => sum + statSync(join(directory, name)).size, 0),
    flush: async () => undefined,
    available: async () => registry.availableBytes,
  };
}
