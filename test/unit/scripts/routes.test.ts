import assert from 'node:assert/strict';
import fc from 'fast-check';
import { roundTrip, worldTour } from '../../../scripts/lib/routes.js';

describe('routes round a mesh', () => {
  it('go once round and back', () => {
    assert.deepEqual(roundTrip(3), ['node1', 'node2', 'node3', 'node1']);
  });

  it('take every way between any two, each way, before any is taken again', () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 7 }), fc.integer({ min: 1, max: 3 }), (nodes, times) => {
        const ways = nodes * (nodes - 1);
        const route = worldTour(nodes, times * ways);
        const taken = new Map<string, number>();
        for (const [index, to] of route.slice(1).entries()) {
          assert.notEqual(route[index], to);
          const way = `${route[index]}-${to}`;
          taken.set(way, (taken.get(way) ?? 0) + 1);
        }
        assert.equal(route[0], 'node1');
        assert.equal(taken.size, ways);
        assert.ok([...taken.values()].every((count) => count === times));
      }),
    );
  });
});
