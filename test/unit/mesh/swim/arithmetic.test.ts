import assert from 'node:assert/strict';
import fc from 'fast-check';
import {
  factsPauseMs,
  healthAfter,
  patient,
  retransmissions,
  suspicionBounds,
  suspicionMs,
} from '../../../../src/mesh/swim/arithmetic.js';
import { HEALTH_MAX } from '../../../../src/mesh/swim/settings.js';
import { outranks } from '../../../../src/mesh/swim/words.js';
import { runs } from '../../../support/fuzz.js';

describe('the arithmetic of membership', () => {
  for (const [members, times] of [
    [0, 4],
    [1, 4],
    [9, 4],
    [10, 8],
    [99, 8],
    [100, 12],
    [1_000, 16],
  ] as const) {
    it(`a word is passed on ${times} times among ${members}`, () => assert.equal(retransmissions(members), times));
  }

  for (const [members, minMs, wanted] of [
    [1, 4_000, 0],
    [2, 4_000, 0],
    [3, 4_000, 1],
    [5, 4_000, 3],
    [100, 8_000, 3],
    [1_000, 12_000, 3],
  ] as const) {
    it(`a suspicion among ${members} lasts from ${minMs} ms, with ${wanted} who share it`, () => {
      const bounds = suspicionBounds(members, 1_000);
      assert.ok(Math.abs(bounds.minMs - minMs) < 1e-6);
      assert.equal(bounds.wanted, wanted);
      assert.equal(suspicionMs(bounds, wanted), bounds.minMs);
      if (wanted > 0) assert.equal(suspicionMs(bounds, 0), bounds.maxMs);
    });
  }

  it('a suspicion gets shorter with each who shares it, and never shorter than the least', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 5_000 }), fc.integer({ min: 0, max: 20 }), (members, shared) => {
        const bounds = suspicionBounds(members, 1_000);
        const [now, next] = [suspicionMs(bounds, shared), suspicionMs(bounds, shared + 1)];
        assert.ok(next <= now && next >= bounds.minMs && now <= bounds.maxMs);
      }),
      runs(500),
    );
  });

  it('health stays within its bounds, and makes times longer', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: -3, max: 4 })), (changes) => {
        const health = changes.reduce(healthAfter, 0);
        assert.ok(health >= 0 && health <= HEALTH_MAX);
        assert.ok(patient(100, health) >= 100 && patient(100, health) <= 900);
      }),
      runs(200),
    );
  });

  it('the changes of all facts together are no more than one in a probe', () => {
    assert.equal(factsPauseMs(1_000, 1_000), 1_000_000);
    assert.equal(factsPauseMs(3, 1_000), 15_000);
  });

  it('of two words about one member exactly one goes before, or they say the same', () => {
    const word = fc.record({
      state: fc.constantFrom('alive', 'suspect', 'dead', 'left'),
      incarnation: fc.integer({ min: 0, max: 3 }),
    });
    fc.assert(
      fc.property(word, word, word, (a, b, c) => {
        const same = a.state === b.state && a.incarnation === b.incarnation;
        assert.equal(outranks(a, b) !== outranks(b, a), !same);
        if (outranks(a, b) && outranks(b, c)) assert.ok(outranks(a, c));
      }),
      runs(500),
    );
  });
});
