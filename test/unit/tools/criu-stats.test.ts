import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { BinaryWriter } from '@bufbuild/protobuf/wire';
import fc from 'fast-check';
import { parseDumpStats, readDumpStats } from '../../../src/tools/criu-stats.js';
import { temporary } from '../../support/temporary.js';

/** As criu 4.2 writes it. */
function statsFile(pages: number, shared: number, frozenUs: number): Uint8Array {
  const dump = new BinaryWriter();
  for (const [field, value] of [
    [1, 22],
    [2, frozenUs],
    [3, 33],
    [4, 44],
  ] as const)
    dump.uint32((field << 3) | 0).uint32(value);
  for (const [field, value] of [
    [5, 9_999],
    [6, 1],
    [7, pages],
    [9, 0],
    [14, shared],
  ] as const)
    dump.uint32((field << 3) | 0).uint64(BigInt(value));
  const entry = new BinaryWriter();
  entry.uint32((1 << 3) | 2).bytes(dump.finish());
  const bytes = entry.finish();
  const header = Buffer.alloc(12);
  header.writeUInt32LE(0x55105940, 0);
  header.writeUInt32LE(0x57093306, 4);
  header.writeUInt32LE(bytes.length, 8);
  return Buffer.concat([header, bytes]);
}

describe('what criu says of a dump', () => {
  const directory = temporary();

  it('is how many pages it wrote, and how long the processes stood still', () => {
    assert.deepEqual(parseDumpStats(statsFile(1_600, 12, 83_500)), { pages: 1_612, frozenMs: 83.5 });
  });

  it('is nothing where there is no such file, or another one', () => {
    const nothing = { pages: 0, frozenMs: 0 };
    assert.deepEqual(readDumpStats(directory()), nothing);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        writeFileSync(join(directory(), 'stats-dump'), bytes);
        assert.deepEqual(readDumpStats(directory()), nothing);
      }),
    );
  });
});
