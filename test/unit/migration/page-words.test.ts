import assert from 'node:assert/strict';
import fc from 'fast-check';
import {
  closeHeader,
  headerBytes,
  type Layout,
  layoutOf,
  PAGE_BYTES,
  parseWord,
  rangeHeader,
} from '../../../src/migration/page-words.js';

const LAYOUTS: readonly Layout[] = ['narrow', 'wide'];
const range = fc.record({
  pid: fc.integer({ min: 1, max: 0xffff_ffff }),
  address: fc.integer({ min: 0, max: 2 ** 40 }).map((page) => page * PAGE_BYTES),
  pages: fc.integer({ min: 1, max: 16_384 }),
});

describe('the words for pages', () => {
  it('have the shape that criu of that version gives them', () => {
    for (const [version, layout] of [
      ['3.17.1', 'narrow'],
      ['4.1.1', 'narrow'],
      ['4.2', 'wide'],
      ['4.2.1', 'wide'],
      ['5.0', 'wide'],
    ] as const)
      assert.equal(layoutOf(version), layout, version);
    const get = rangeHeader('get', { pid: 22, address: 0x7f00_0000_1000, pages: 3 }, 'wide');
    assert.equal(get.toString('hex'), '0700000000000000030000000000000000100000007f00001600000000000000');
    const add = rangeHeader('add', { pid: 22, address: 0x7f00_0000_1000, pages: 3 }, 'narrow');
    assert.equal(add.toString('hex'), '060004000300000000100000007f00001600000000000000');
  });

  it('say what they were told to', () => {
    fc.assert(
      fc.property(range, fc.constantFrom('get', 'add'), fc.constantFrom(...LAYOUTS), (what, kind, layout) => {
        const header = rangeHeader(kind as 'get' | 'add', what, layout);
        assert.equal(header.length, headerBytes(layout));
        assert.deepEqual(parseWord(header, layout), { kind, ...what });
      }),
    );
    for (const layout of LAYOUTS) assert.deepEqual(parseWord(closeHeader(layout), layout), { kind: 'close' });
  });

  it('are refused when they are none', () => {
    const good = rangeHeader('get', { pid: 1, address: PAGE_BYTES, pages: 1 }, 'wide');
    const bad: [string, number, bigint][] = [
      ['no pages', 8, 0n],
      ['more pages than anybody asks for', 8, 16_385n],
      ['half a page', 16, 2n],
      ['beyond all memory', 16, 2n ** 60n],
      ['no process', 24, 0n],
    ];
    for (const [what, at, value] of bad) {
      const header = Buffer.from(good);
      header.writeBigUInt64LE(value, at);
      assert.throws(() => parseWord(header, 'wide'), { code: 'refused' }, what);
    }
    assert.throws(() => parseWord(Buffer.alloc(32), 'wide'), { code: 'refused' });
  });
});
