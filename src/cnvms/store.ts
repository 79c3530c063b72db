/**
 * The records of the cnvms that this node owns, on disk. Invariant: what `get` returns is durable; a record that cannot
 * be read stops the daemon rather than losing a cnvm.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { sweepTemporaries, writeFileAtomic } from '../base/atomic-file.js';
import { messageOf, refused } from '../base/errors.js';
import type { CnvmRecord } from './cnvm.js';

const count = z.number().int().nonnegative();
const recordSchema: z.ZodType<CnvmRecord> = z.object({
  name: z.string(),
  address: z.ipv4(),
  image: z.object({ name: z.string(), digest: z.string() }),
  limits: z.object({ memoryBytes: count, cpuMillis: count, pids: count }),
  createTime: z.iso.datetime(),
  epoch: count,
  owner: z.string(),
  landing: z.string().startsWith('/'),
  wanted: z.enum(['running', 'stopped']),
});

/** @throws `refused` when the text is not a record; it comes from a peer or from disk. */
export function parseRecord(text: string): CnvmRecord {
  try {
    return recordSchema.parse(JSON.parse(text));
  } catch (error) {
    throw refused('invalid', `not a cnvm's record: ${messageOf(error)}`, { cause: error });
  }
}

export type Store = ReturnType<typeof openStore>;

/** @param directory holds a directory per cnvm; made when it is missing. */
export function openStore(directory: string) {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const records = new Map<string, CnvmRecord>();
  for (const name of readdirSync(directory)) {
    const file = join(directory, name, 'record.json');
    sweepTemporaries(join(directory, name));
    // Without a record it is what a create or a remove left behind when the machine died.
    if (existsSync(file)) records.set(name, parseRecord(readFileSync(file, 'utf8')));
  }
  return {
    get: (name: string): CnvmRecord | undefined => records.get(name),
    all: (): CnvmRecord[] => [...records.values()].sort((a, b) => a.name.localeCompare(b.name)),
    /** Where a cnvm's bundle and the like are kept on this node. */
    directoryOf: (name: string): string => join(directory, name),
    /** Afterwards the record is durable. */
    async put(record: CnvmRecord): Promise<void> {
      await mkdir(join(directory, record.name), { recursive: true, mode: 0o700 });
      await writeFileAtomic(join(directory, record.name, 'record.json'), `${JSON.stringify(record, null, 2)}\n`);
      records.set(record.name, record);
    },
    /** Afterwards this node knows nothing of it. */
    async remove(name: string): Promise<void> {
      await rm(join(directory, name), { recursive: true, force: true });
      records.delete(name);
    },
  };
}
