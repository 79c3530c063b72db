import assert from 'node:assert/strict';
import { createCipheriv } from 'node:crypto';
import fc from 'fast-check';
import { createSum, faultIn, newSumKey } from '../../../src/rpc/sum.js';
import { runs } from '../../support/fuzz.js';

const key = newSumKey();
const summed = (...pieces: readonly Uint8Array[]) => {
  const sum = createSum(key, 'answers');
  for (const piece of pieces) sum.add(piece);
  return sum;
};

describe('the sum of a stream', () => {
  it('is that of its bytes, however they came in pieces', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 100 }), { maxLength: 10 }), (pieces) => {
        const said = summed(Buffer.concat(pieces)).end();
        assert.equal(faultIn(summed(...pieces), said, 'it'), undefined);
      }),
      runs(200),
    );
  });

  it('is GMAC, as the protocol says', () => {
    const mac = createCipheriv('aes-128-gcm', key, Buffer.from('000000000000000000000001', 'hex'));
    mac.setAAD(Buffer.from('pages')).final();
    assert.deepEqual(summed(Buffer.from('pages')).end(), { bytes: 5n, sum: mac.getAuthTag() });
  });

  it('finds every changed bit, two pieces in the wrong order, and what another stream has', () => {
    const data = Buffer.from('what a page has in it, and a little more');
    const said = summed(data).end();
    for (let bit = 0; bit < data.length * 8; bit += 1) {
      const changed = Buffer.from(data);
      changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      assert.match(faultIn(summed(changed), said, 'it')?.message ?? '', /it was changed on its way/);
    }
    assert.match(faultIn(summed(data.subarray(20), data.subarray(0, 20)), said, 'it')?.message ?? '', /changed/);
    for (const [otherKey, direction] of [
      [newSumKey(), 'answers'],
      [key, 'requests'],
    ] as const) {
      const other = createSum(otherKey, direction);
      other.add(data);
      assert.match(faultIn(other, said, 'it')?.message ?? '', /changed/);
    }
  });

  it('finds a tail that is lost, and an end that was never said', () => {
    const data = Buffer.from('pages');
    const said = summed(data).end();
    assert.match(faultIn(summed(data.subarray(0, 4)), said, 'it')?.message ?? '', /it has 5 bytes, and 4 came/);
    assert.match(faultIn(summed(data), undefined, 'it')?.message ?? '', /a part of it is missing/);
    assert.match(faultIn(summed(data), { ...said, sum: said.sum.subarray(0, 4) }, 'it')?.message ?? '', /changed/);
  });

  it('takes no key that is none', () => {
    assert.throws(() => createSum(new Uint8Array(), 'answers'), /sum_key/);
  });
});
