import assert from 'node:assert/strict';
import type { Aims } from '../../../src/migration/convergence.js';
import {
  agreedMode,
  leastExpected,
  modeRefusals,
  modeWarnings,
  strictRefusals,
  takenMode,
  wantedMode,
} from '../../../src/migration/memory-mode.js';
import type { MemoryMode } from '../../../src/migration/migration.js';
import { facts } from '../../support/samples.js';

const aims: Aims = { maxDowntimeMs: 300, onSlow: 'stop-copy', strict: true, roundsMax: 30 };
const cost = { floorMs: 200, bytesPerSecond: 1_000_000 };
const tracking = facts('node1', { softDirty: true });
const blind = facts('node1', { softDirty: false });

describe('the way of the memory', () => {
  it('is agreed on by what the source can and the target knows', () => {
    const modes: (readonly [MemoryMode | undefined, number, MemoryMode | undefined])[] = [
      [wantedMode('hot', false, tracking, aims), 30, 'pre-copy'],
      [wantedMode('hot', false, tracking, aims), 0, 'stop-copy'],
      [wantedMode('hot', false, blind, aims), 30, 'stop-copy'],
      [wantedMode('hot', false, tracking, { ...aims, roundsMax: 0 }), 30, 'stop-copy'],
      [wantedMode('cold', false, tracking, aims), 30, undefined],
      [wantedMode('hot', true, tracking, aims), 30, 'post-copy'],
      [wantedMode('hot', true, blind, { ...aims, roundsMax: 0 }), 0, 'post-copy'],
      // A source that knows of one way alone.
      [undefined, 30, undefined],
    ];
    for (const [wanted, roundsMax, agreed] of modes)
      assert.equal(agreedMode(wanted, takenMode(wanted, roundsMax)), agreed);
  });

  it('is never another one than the post-copy that was wanted', () => {
    assert.deepEqual(modeRefusals('post-copy', 'post-copy', 'node2'), []);
    for (const taken of [undefined, 'stop-copy', 'pre-copy'] as const) {
      const agreed = agreedMode('post-copy', taken);
      assert.match(modeRefusals('post-copy', agreed, 'node2').join(), /^node2 is of an older version/);
    }
    assert.deepEqual(modeRefusals('pre-copy', agreedMode('pre-copy', undefined), 'node2'), []);
  });

  it('costs at least what is known before', () => {
    assert.equal(leastExpected('stop-copy', 1_000_000, cost).downtimeMs, 1_200);
    assert.equal(leastExpected('pre-copy', 1_000_000, cost).downtimeMs, 200);
    assert.equal(leastExpected('post-copy', 1_000_000, cost).downtimeMs, 200);
    assert.equal(leastExpected(undefined, 1_000_000, cost).downtimeMs, 0);
  });

  it('is warned of where it is the long one, with the reason and the figure', () => {
    const expected = leastExpected('stop-copy', 1_000_000, cost);
    const words = (source: typeof blind) => modeWarnings('stop-copy', { source, target: 'node2' }, expected).join();
    assert.match(words(blind), /kernel of node1 does not tell .* expected for 1200 ms/);
    assert.match(words(tracking), /node2 takes no rounds/);
    assert.deepEqual(modeWarnings('pre-copy', { source: tracking, target: 'node2' }, expected), []);
    const postCopy = modeWarnings('post-copy', { source: tracking, target: 'node2' }, expected);
    assert.match(postCopy.join(), /its disk is whole, its memory is lost/);
    assert.deepEqual(modeWarnings(undefined, { source: tracking, target: 'node2' }, expected), []);
  });

  it('is refused, strictly, when it is expected to take too long', () => {
    const tooLong = leastExpected('stop-copy', 1_000_000, cost);
    assert.match(
      strictRefusals('stop-copy', tooLong, aims).join(),
      /1200 ms is expected, 1000 ms of it for the memory; not more than 300 ms/,
    );
    assert.deepEqual(strictRefusals('stop-copy', tooLong, { ...aims, strict: false }), []);
    assert.deepEqual(strictRefusals('pre-copy', leastExpected('pre-copy', 10 ** 9, cost), aims), []);
    assert.deepEqual(strictRefusals(undefined, tooLong, aims), []);
  });
});
