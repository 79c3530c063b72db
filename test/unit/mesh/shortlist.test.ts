import assert from 'node:assert/strict';
import { cardOf } from '../../../src/mesh/own-card.js';
import { ASKED_MAX, shortlist } from '../../../src/mesh/shortlist.js';
import { facts, NO_CARD } from '../../support/samples.js';

const GIB = 2 ** 30;
const OWN = facts('node1');

function cards(...all: ReturnType<typeof facts>[]) {
  const known = new Map(all.map((one) => [one.name, cardOf(one, '', NO_CARD)]));
  return (name: string) => known.get(name);
}
const named = (...names: string[]) => names.map((name) => ({ name }));

describe('those that are asked for bids', () => {
  it('are first who takes new work, runs the same, and has most memory free', () => {
    const known = cards(
      facts('shut', { cordon: 'a new kernel', memoryAvailableBytes: 64 * GIB }),
      facts('older', { criuVersion: '3.0', memoryAvailableBytes: 32 * GIB }),
      facts('small', { memoryAvailableBytes: GIB }),
      facts('large', { memoryAvailableBytes: 2 * GIB }),
    );
    const found = shortlist(named('unmet', 'shut', 'small', 'older', 'large'), known, OWN);
    assert.deepEqual(
      found.map(({ name }) => name),
      ['large', 'small', 'older', 'shut', 'unmet'],
    );
  });

  it('are no more than a few of many', () => {
    const names = Array.from({ length: 1_000 }, (_, index) => `n${index}`);
    const known = cards(...names.map((name, index) => facts(name, { memoryAvailableBytes: index * GIB })));
    const found = shortlist(named(...names), known, OWN);
    assert.equal(found.length, ASKED_MAX);
    assert.equal(found[0]?.name, 'n999');
  });
});
