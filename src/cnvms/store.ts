/**
 * The records of the cnvms that this node owns, on disk. Invariant: what `get` returns is durable; a record that cannot
 * be read stops the daemon rather than losing a cnvm.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { sweepTemporaries, writeFileAtomic } from '../base/atomic-file.js';
import { COUNT_MAX } from '../base/count.js';
import { messageOf, refused } from '../base/errors.js';
import { nameRefusal, PORTS_MAX } from './check-new.js';
import type { CnvmRecord } from './cnvm.js';
import { wishesRefusals } from './labels.js';

const count = z.number().int().nonnegative().max(COUNT_MAX);
/** No name of ours is longer; a peer's record stays small. */
const word = z.string().max(256);
const port = z.number().int().min(1).max(65_535);
/** A command line as the kernel takes it is no longer. */
const argv = z.array(z.string().max(131_072)).max(4_096);
const recordSchema: z.ZodType<CnvmRecord> = z.object({
  // Directories of this name are removed with all that is in them.
  name: word.refine((name) => nameRefusal(name) === undefined, 'must be a DNS name'),
  address: z.ipv4(),
  image: z.object({ name: word, digest: word }),
  limits: z.object({ memoryBytes: count, cpuMillis: count, pids: count }),
  createTime: z.iso.datetime(),
  epoch: count,
  owner: word,
  landing: z.string().startsWith('/').max(4096),
  wanted: z.enum(['running', 'stopped']),
  ports: z
    .array(z.object({ nodePort: port, cnvmPort: port, protocol: z.enum(['tcp', 'udp']) }))
    .max(PORTS_MAX)
    .optional(),
  program: z.object({ entrypoint: argv, command: argv, env: argv }).optional(),
  wishes: z
    .object({ labels: z.record(word, word), affinity: z.array(word), antiAffinity: z.array(word) })
    .refine((wishes) => wishesRefusals(wishes).length === 0, 'must be labels')
    .optional(),
});

/** @throws `refused` when the text is not a record; it comes from a peer or from disk. */
export function parseRecord(text: string): CnvmRecord {
  try {
    return recordSchema.parse(JSON.parse(text));
  } catch (error) {
    throw refused('invalid', `not a cnvm's record: ${messageOf(error)}`, { cause: error });
  }
}

/** @throws `refused`, with the file's name, when it does not hold the record of `name`. */
function readRecord(file: string, name: string): CnvmRecord {
  try {
    const record = parseRecord(readFileSync(file, 'utf8'));
    if (record.name !== name) throw new Error(`it is the record of ${record.name}`);
    return record;
  } catch (error) {
    throw refused('invalid', `the record ${file} cannot be read: ${messageOf(error)}`, { cause: error });
  }
}

export type Store = ReturnType<typeof openStore>;

/** @param directory holds a directory per cnvm; made when it is missing. */
export function openStore(directory: string) {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const records = new Map<string, CnvmRecord>();
  for (const entry of readdirSync(directory, { withFileTypes: true })) {
    const file = join(directory, entry.name, 'record.json');
    if (!entry.isDirectory()) continue;
    sweepTemporaries(join(directory, entry.name));
    // Without a record it is what a create or a remove left behind when the machine died.
    if (existsSync(file)) records.set(entry.name, readRecord(file, entry.name));
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
