import assert from 'node:assert/strict';
import fc from 'fast-check';
import { freezeCost } from '../../../src/migration/freeze-cost.js';
import type { MemoryRound, Migration } from '../../../src/migration/migration.js';
import { migration } from '../../support/samples.js';

const MIB = 1024 * 1024;

/** One that moved 4 MiB in the freeze, in 100 ms. */
function past(freezeMs: number, change: Partial<Migration> = {}, bytesPerSecond = 40 * MIB): Migration {
  const last: MemoryRound = {
    ...{ number: 1, frozen: true, bytes: 4 * MIB, pages: 1024, ms: 100, bytesPerSecond },
    ...{ dirtyBytesPerSecond: 0, expectedDowntimeMs: 0, cpuPercent: 100 },
  };
  return { ...migration, outcome: 'succeeded', freezeMs, memoryBytes: 0, memoryRounds: [last], ...change };
}

describe('what a freeze costs', () => {
  it('is assumed while nothing was measured, and grows with the memory that is restored', () => {
    assert.equal(freezeCost([], 'node2', 0).floorMs, 400);
    assert.ok(freezeCost([], 'node2', 512 * MIB).floorMs > 1_000);
    assert.equal(freezeCost([], 'node2', 0).bytesPerSecond, 100 * MIB);
  });

  it('is what it was, without the memory that moved in it; one odd one does not count', () => {
    const samples = [past(300), past(9_000), past(300)];
    assert.equal(Math.round(freezeCost(samples, 'node2', 0).floorMs), 200);
  });

  it('a rate is that to the same peer', () => {
    const samples = [past(300, { target: 'node3' }, 7 * MIB), past(300, {}, 20 * MIB)];
    assert.equal(freezeCost(samples, 'node2', 0).bytesPerSecond, 20 * MIB);
  });

  it('those that failed, or came here, or have no figures, teach nothing', () => {
    const samples = [past(9_000, { outcome: 'aborted' }), past(9_000, { role: 'target' }), past(50)];
    assert.equal(freezeCost(samples, 'node2', 0).floorMs, 400);
  });

  it('is finite and positive, whatever was', () => {
    const any = fc
      .tuple(fc.nat(), fc.nat(), fc.nat())
      .map(([freezeMs, memoryBytes, rate]) => past(freezeMs, { memoryBytes }, rate + 1));
    fc.assert(
      fc.property(fc.array(any), fc.nat(), (samples, memoryBytes) => {
        const { floorMs, bytesPerSecond } = freezeCost(samples, 'node2', memoryBytes);
        assert.ok(Number.isFinite(floorMs) && floorMs > 0 && bytesPerSecond > 0);
      }),
    );
  });
});
