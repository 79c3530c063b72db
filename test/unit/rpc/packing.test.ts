import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { compress } from '@bokuweb/zstd-wasm';
import fc from 'fast-check';
import { worthCompressing } from '../../../src/rpc/link-speed.js';
import { loadZstd, openPacking, unpack } from '../../../src/rpc/packing.js';
import { runs } from '../../support/fuzz.js';

const sizes = [0, 1, 200, 255, 256, 257, 511, 512, 513, 4_096, 65_535, 65_536];

describe('packing', () => {
  before(loadZstd);

  for (const [kind, make] of [
    ['zeros', (size: number) => Buffer.alloc(size)],
    ['a text', (size: number) => Buffer.alloc(size, 'what a page has in it ')],
    ['noise', (size: number) => randomBytes(size)],
  ] as const) {
    it(`gives back ${kind} of any size, in no more bytes`, async () => {
      const { pack } = await openPacking('zstd');
      for (const size of sizes) {
        const piece = make(size);
        const { data, zstd } = pack(piece);
        assert.ok(data.length + zstd.length <= size, `${size}`);
        assert.ok(Buffer.from(zstd.length > 0 ? unpack(zstd) : data).equals(piece), `${size}`);
        // Also those that are not worth it.
        if (size > 0) assert.ok(Buffer.from(unpack(compress(piece, 1))).equals(piece), `${size}`);
      }
    });
  }

  it('refuses a frame that holds more than a piece, and anything that is none', () => {
    assert.throws(() => unpack(compress(Buffer.alloc(65_537), 1)), /above 65536/);
    const frame = compress(Buffer.alloc(10_000, 'what a page has in it '), 1);
    fc.assert(
      fc.property(fc.nat(frame.length - 1), (length) => {
        assert.throws(() => unpack(frame.subarray(0, length)), { code: 'refused' });
      }),
      runs(100),
    );
  });

  it('is worth it where the link is what is waited for, and slow', () => {
    const window = { ms: 250, waitedMs: 240, bytes: 2_500_000, wireBytes: 2_500_000 };
    assert.equal(worthCompressing(window, false), true);
    assert.equal(worthCompressing({ ...window, waitedMs: 20 }, false), false);
    assert.equal(worthCompressing({ ...window, wireBytes: 50_000_000 }, false), false);
    assert.equal(worthCompressing({ ...window, wireBytes: 1_000_000 }, true), true);
    assert.equal(worthCompressing(window, true), false);
    assert.equal(worthCompressing({ ...window, wireBytes: 1_000_000, waitedMs: 5 }, true), false);
  });
});
