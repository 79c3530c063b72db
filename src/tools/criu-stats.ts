/**
 * What criu says of a dump that it has made, in the file `stats-dump` of its work directory. Invariant: of a file that is not
 * what criu writes nothing is taken: figures for people are not worth a failure.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { BinaryReader } from '@bufbuild/protobuf/wire';

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
  const dump = fieldsOf(entry).get(DUMP);
  if (!(dump instanceof Uint8Array)) throw new Error('no statistics of a dump');
  const fields = fieldsOf(dump);
  const count = (field: number) => Number(fields.get(field) ?? 0);
  return { pages: count(PAGES_WRITTEN) + count(SHARED_PAGES_WRITTEN), frozenMs: count(FROZEN_TIME_US) / 1000 };
}

/** A message's fields: numbers, and messages within it as their bytes. */
function fieldsOf(message: Uint8Array): Map<number, bigint | Uint8Array> {
  const reader = new BinaryReader(message);
  const fields = new Map<number, bigint | Uint8Array>();
  while (reader.pos < reader.len) {
    const [field, type] = reader.tag();
    if (type === 0) fields.set(field, BigInt(reader.uint64()));
    else if (type === 2) fields.set(field, reader.bytes());
    else reader.skip(type);
  }
  return fields;
}
