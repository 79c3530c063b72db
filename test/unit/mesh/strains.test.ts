import assert from 'node:assert/strict';
import {
  asks,
  mayOpen,
  type Readings,
  strainsOf,
  type Thresholds,
  watchesAnything,
} from '../../../src/mesh/strains.js';
import { facts } from '../../support/samples.js';

const MIB = 1024 * 1024;
const OFF: Thresholds = { memoryAvailableMin: 0, memoryPressureMax: 0, diskAvailableMin: 0, errors: false };
const BAD: Readings = {
  facts: facts('node1', {
    ...{ memoryTotalBytes: 1000 * MIB, memoryAvailableBytes: 40 * MIB },
    landingZones: [{ path: '/home/cnvm/sneakers', availableBytes: 100 * MIB }],
  }),
  memoryPressure: 60,
  findings: [{ level: 'error', subject: 'criu', detail: 'criu is missing', remedy: '' }],
};

const CASES: [string, Partial<Thresholds>, RegExp][] = [
  ['memory that is used up', { memoryAvailableMin: 5 }, /^only 4\.0 % of its memory is free, less than 5 %$/],
  ['waiting for memory', { memoryPressureMax: 50 }, /waited for memory in 60 % of the last minute, more than 50 %$/],
  [
    'a disk that is full',
    { diskAvailableMin: 200 },
    /^only 100 MiB are free in \/home\/cnvm\/sneakers, less than 200 MiB$/,
  ],
  ['an error of the self-check', { errors: true }, /^criu: criu is missing$/],
];

describe('a strain', () => {
  it('is none where nothing is looked at', () => {
    assert.deepEqual(strainsOf(BAD, OFF), []);
    assert.equal(watchesAnything(OFF), false);
  });

  for (const [what, change, expected] of CASES) {
    it(`is ${what}`, () => {
      const found = strainsOf(BAD, { ...OFF, ...change });
      assert.equal(found.length, 1);
      assert.match(found[0] ?? '', expected);
      assert.equal(watchesAnything({ ...OFF, ...change }), true);
      const well = { facts: facts('node1'), memoryPressure: undefined, findings: [] };
      assert.deepEqual(strainsOf(well, { ...OFF, ...change }), []);
    });
  }

  it('that has passed opens the node again when nobody else has shut it, and after the time that is wanted', () => {
    const calm = { by: 'node1 itself', itself: 'node1 itself', calmMs: 60_000, calmMsMin: 60_000 };
    assert.equal(mayOpen(calm), true);
    assert.equal(mayOpen({ ...calm, calmMs: 59_999 }), false);
    assert.equal(mayOpen({ ...calm, calmMsMin: 0 }), false);
    for (const by of [undefined, 'local (local)', 'node2 (node)', 'node1 (node)'])
      assert.equal(mayOpen({ ...calm, by }), false);
  });

  it('is told by one peer alone: the first of those that could take something', () => {
    assert.equal(asks('node2', ['node3', 'node4']), true);
    assert.equal(asks('node3', ['node2', 'node4']), false);
    assert.equal(asks('node3', []), true);
  });
});
