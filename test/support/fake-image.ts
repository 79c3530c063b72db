/** Images that hold a few words: real manifests and configs of OCI's, whose layers only fakes unpack. */
import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface FakeImage {
  /** Of its manifest. */
  readonly digest: string;
  /** Bytes by digest: manifest, config, layers. */
  readonly blobs: ReadonlyMap<string, Buffer>;
}

export interface FakeImageOptions {
  /** Text by path, the lowest layer first. */
  readonly layers: readonly Readonly<Record<string, string>>[];
  readonly architecture?: string;
  readonly config?: object;
}

export const digestOf = (bytes: Uint8Array): string => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;

const LAYER = 'application/vnd.oci.image.layer.v1.tar';
/** What Node.js calls x64 or arm64. */
export const HERE = process.arch === 'x64' ? 'amd64' : process.arch;

export function fakeImage({
  layers,
  architecture = HERE,
  config = { Entrypoint: ['/sbin/init'] },
}: FakeImageOptions): FakeImage {
  const blobs = new Map<string, Buffer>();
  const put = (bytes: Buffer) => {
    blobs.set(digestOf(bytes), bytes);
    return { digest: digestOf(bytes), size: bytes.length };
  };
  const packed = layers.map((files) => ({ mediaType: LAYER, ...put(Buffer.from(JSON.stringify(files))) }));
  const diffIds = packed.map(({ digest }) => digest);
  const about = { architecture, os: 'linux', created: '2026-01-01T00:00:00Z', config };
  const text = JSON.stringify({ ...about, rootfs: { type: 'layers', diff_ids: diffIds } });
  const made = { mediaType: 'application/vnd.oci.image.config.v1+json', ...put(Buffer.from(text)) };
  const manifest = put(Buffer.from(JSON.stringify({ schemaVersion: 2, config: made, layers: packed })));
  return { digest: manifest.digest, blobs };
}

/** Lays it out as OCI does. */
export function writeLayout(layout: string, { digest, blobs }: FakeImage): void {
  mkdirSync(join(layout, 'blobs', 'sha256'), { recursive: true });
  for (const [name, bytes] of blobs)
    writeFileSync(join(layout, 'blobs', 'sha256', name.slice('sha256:'.length)), bytes);
  writeIndex(layout, digest, blobs.get(digest)?.length ?? 0);
}

export function writeIndex(layout: string, digest: string, size: number): void {
  mkdirSync(layout, { recursive: true });
  const mediaType = 'application/vnd.oci.image.manifest.v1+json';
  writeFileSync(join(layout, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
  writeFileSync(
    join(layout, 'index.json'),
    JSON.stringify({ schemaVersion: 2, manifests: [{ mediaType, digest, size }] }),
  );
}
