import assert from 'node:assert/strict';
import fc from 'fast-check';
import { median, percentile, ratioOfMedians, spreadOf, sums } from '../../../../scripts/lib/bench/statistics.js';

const figures = fc.array(fc.double({ min: 0, max: 1e6, noNaN: true }), { minLength: 1, maxLength: 50 });

describe('the statistics of the benchmark', () => {
  it('the median is the middle figure, or between the two middle ones', () => {
    assert.equal(median([7]), 7);
    assert.equal(median([9, 1, 5]), 5);
    assert.equal(median([10, 1, 2, 3]), 2.5);
  });

  it('a percentile is the nearest rank', () => {
    const ten = [10, 9, 8, 7, 6, 5, 4, 3, 2, 1];
    assert.equal(percentile(ten, 0), 1);
    assert.equal(percentile(ten, 50), 5);
    assert.equal(percentile(ten, 90), 9);
    assert.equal(percentile(ten, 99), 10);
    assert.equal(percentile(ten, 100), 10);
    assert.equal(percentile([3, 4], 90), 4);
  });

  it('a spread is ordered, and its percentiles are figures that were measured', () => {
    fc.assert(
      fc.property(figures, (all) => {
        const { min, median: middle, p90, max } = spreadOf(all);
        assert.ok(min <= middle && middle <= max && min <= p90 && p90 <= max);
        assert.ok([min, p90, max].every((figure) => all.includes(figure)));
      }),
    );
  });

  it('does not depend on the order, and leaves its argument as it was', () => {
    fc.assert(
      fc.property(figures, (all) => {
        const before = [...all];
        assert.deepEqual(spreadOf([...all].reverse()), spreadOf(all));
        assert.deepEqual(all, before);
      }),
    );
  });

  it('the ratio is of the medians, not of the means', () => {
    assert.equal(ratioOfMedians([1, 3, 1000], [6, 6, 6]), 0.5);
  });

  it('adds what belongs together', () => {
    assert.deepEqual(sums([1, 2], [10, 20]), [11, 22]);
    assert.throws(() => sums([1], [1, 2]), RangeError);
  });

  it('makes nothing of nothing', () => {
    for (const empty of [() => median([]), () => percentile([], 50), () => spreadOf([])])
      assert.throws(empty, RangeError);
  });
});
