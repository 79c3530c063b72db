/**
 * What criu says of a dump that it has made, in the file `stats-dump` of its work directory. Invariant: of a file that is not
 * what criu writes nothing is taken: figures for people are not worth a failure.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fieldsOf } from './protobuf-fields.js';

export interface DumpStats {
  /** Written, from private and shared memory. */
  readonly pages: number;
  /** For so long the processes stood still. */
  readonly frozenMs: number;
}

/** Two magic numbers and the length of the one message in it. */
const HEADER_BYTES = 12;
const STATS_MAGIC = 0x57093306;
/** Field numbers of criu's `stats_entry` and `dump_stats_entry`. */
const DUMP = 1;
const FROZEN_TIME_US = 2;
const PAGES_WRITTEN = 7;
const SHARED_PAGES_WRITTEN = 14;

/** Of the latest dump that wrote into `workDir`; zeros when there is none. */
export function readDumpStats(workDir: string): DumpStats {
  try {
    return parseDumpStats(readFileSync(join(workDir, 'stats-dump')));
  } catch {
    return { pages: 0, frozenMs: 0 };
  }
}

/** @throws when it is not such a file. */
export function parseDumpStats(file: Uint8Array): DumpStats {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  if (view.getUint32(4, true) !== STATS_MAGIC) throw new Error('no statistics of criu');
  const entry = file.subarray(HEADER_BYTES, HEADER_BYTES + view.getUint32(8, true));
  const dump = valuesOf(entry).get(DUMP);
  if (!(dump instanceof Uint8Array)) throw new Error('no statistics of a dump');
  const fields = valuesOf(dump);
  const count = (field: number) => Number(fields.get(field) ?? 0);
  return { pages: count(PAGES_WRITTEN) + count(SHARED_PAGES_WRITTEN), frozenMs: count(FROZEN_TIME_US) / 1000 };
}

/** By the fields' numbers. */
const valuesOf = (message: Uint8Array) => new Map(fieldsOf(message).map(({ number, value }) => [number, value]));
