import assert from 'node:assert/strict';
import { bytes, duration } from '../../../src/dashboard/figures.js';
import { along, bend, partDone, placesOf } from '../../../src/dashboard/layout.js';
import { STEPS } from '../../../src/dashboard/words.js';

describe('the map', () => {
  it('has a place of its own for each node, all of them on it', () => {
    for (let count = 1; count <= 20; count += 1) {
      const places = placesOf(count);
      assert.equal(new Set(places.map(({ x, y }) => `${x.toFixed(3)} ${y.toFixed(3)}`)).size, count);
      assert.ok(places.every(({ x, y }) => x > 0.1 && x < 0.9 && y > 0.1 && y < 0.9));
    }
    assert.deepEqual(placesOf(0), []);
  });

  it('has ways that begin and end at the nodes, and one back that is another way', () => {
    const [one, other] = [
      { x: 10, y: 20 },
      { x: 110, y: 20 },
    ];
    assert.deepEqual(along(one, bend(one, other), other, 0), one);
    assert.deepEqual(along(one, bend(one, other), other, 1), other);
    assert.notDeepEqual(bend(one, other), bend(other, one));
  });

  it('moves a migration on with its phases and its bytes, and never back', () => {
    const steps = STEPS.flatMap((phase) => [0, 50, 100, 500].map((done) => partDone(STEPS, phase, done, 100)));
    assert.deepEqual(
      steps,
      [...steps].sort((a, b) => a - b),
    );
    assert.ok(steps.every((part) => part >= 0 && part <= 1));
    assert.equal(partDone(STEPS, 'postcopy', 0, 0), partDone(STEPS, 'activate', 0, 0));
    assert.equal(partDone(STEPS, 'of a newer version', 0, 0), 0);
  });

  it('has figures that people read', () => {
    assert.deepEqual([0, 1, 1023, 1536, 2 ** 20, 150 * 2 ** 30].map(bytes), [
      '0 B',
      '1 B',
      '1023 B',
      '1.5 KiB',
      '1.0 MiB',
      '150 GiB',
    ]);
    assert.deepEqual([83.4, 1_500, 125_000].map(duration), ['83 ms', '1.5 s', '2 min 5 s']);
  });
});
