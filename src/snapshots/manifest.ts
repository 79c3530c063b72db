/**
 * What a snapshot says of itself, pure. Invariant: with the manifest and the files that it names a cnvm can be made on any
 * node that has its image; every byte of those files stands under a sum.
 *
 *     manifest.json   this
 *     disk.tar        the writable layer, owners as the cnvm sees them
 *     memory/         criu's images; not in one of a stopped cnvm
 */
import { z } from 'zod';
import { messageOf, refused } from '../base/errors.js';
import type { CnvmRecord } from '../cnvms/cnvm.js';
import { parseRecord } from '../cnvms/store.js';
import type { NodeFacts } from '../mesh/node-facts.js';

export const MANIFEST = 'manifest.json';
export const DISK = 'disk.tar';
export const MEMORY = 'memory';
/** Another one is another way to lie on disk. */
const SCHEMA = 1;

const count = z.number().int().nonnegative();
/** No step of it leads out of the snapshot. */
export const SNAPSHOT_FILE = /^(?:disk\.tar|memory\/[a-z0-9][a-zA-Z0-9._-]{0,127})$/;
/** A process has some ten files, and there may be thousands of processes. */
const FILES_MAX = 1_000_000;

const fileSchema = z.object({
  path: z.string().regex(SNAPSHOT_FILE, 'is no file of a snapshot'),
  bytes: count,
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
});

/** What of the node decides whether the memory can go on elsewhere. */
const nodeSchema = z.object({
  name: z.string(),
  version: z.string(),
  criuVersion: z.string(),
  runcVersion: z.string(),
  kernelRelease: z.string(),
  architecture: z.string(),
  cpuFlags: z.array(z.string()),
});

const manifestSchema = z.object({
  schema: z.literal(SCHEMA),
  createTime: z.iso.datetime(),
  record: z.unknown(),
  node: nodeSchema,
  memory: z.boolean(),
  memoryBytes: count,
  files: z.array(fileSchema).min(1).max(FILES_MAX),
});

export type SnapshotFile = z.infer<typeof fileSchema>;

export interface Manifest extends Omit<z.infer<typeof manifestSchema>, 'record' | 'schema'> {
  readonly record: CnvmRecord;
}

export function manifestText(manifest: Manifest): string {
  return `${JSON.stringify({ schema: SCHEMA, ...manifest }, null, 2)}\n`;
}

/** @throws `refused` when it is none that this version can read. */
export function parseManifest(text: string): Manifest {
  try {
    const read = JSON.parse(text) as { schema?: unknown };
    if (typeof read.schema === 'number' && read.schema > SCHEMA)
      throw refused('invalid', `it is of form ${read.schema}, and this version knows ${SCHEMA}`);
    const { schema: _, record, ...rest } = manifestSchema.parse(read);
    const paths = new Set(rest.files.map(({ path }) => path));
    const memory = rest.files.some(({ path }) => path.startsWith(`${MEMORY}/`));
    if (paths.size < rest.files.length || !paths.has(DISK) || memory !== rest.memory)
      throw refused('invalid', 'its list of files is not whole');
    return { ...rest, record: parseRecord(JSON.stringify(record)) };
  } catch (error) {
    throw refused('invalid', `${MANIFEST} cannot be read: ${messageOf(error)}`, { cause: error });
  }
}

export function nodeOf(facts: NodeFacts): Manifest['node'] {
  const { name, version, criuVersion, runcVersion, kernelRelease, architecture, cpuFlags } = facts;
  return { name, version, criuVersion, runcVersion, kernelRelease, architecture, cpuFlags: [...cpuFlags] };
}

/** All of its files together. */
export function bytesOf({ files }: Pick<Manifest, 'files'>): number {
  return files.reduce((sum, { bytes }) => sum + bytes, 0);
}
