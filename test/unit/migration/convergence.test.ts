import assert from 'node:assert/strict';
import fc from 'fast-check';
import { type Aims, type Course, expectDowntime, judge, type Verdict } from '../../../src/migration/convergence.js';
import type { MemoryRound } from '../../../src/migration/migration.js';

const MIB = 1024 * 1024;
const aims: Aims = { maxDowntimeMs: 300, onSlow: 'stop-copy', strict: false, roundsMax: 30 };

/** A round at 100 MiB/s. @param dirtyMib that were written since the round before, by the second. */
function round(number: number, mib: number, dirtyMib: number, cpuPercent = 100): MemoryRound {
  return {
    ...{ number, frozen: false, bytes: mib * MIB, pages: mib * 256, ms: mib * 10, bytesPerSecond: 100 * MIB },
    ...{ dirtyBytesPerSecond: dirtyMib * MIB, expectedDowntimeMs: 0, cpuPercent },
  };
}
function after(rounds: readonly MemoryRound[], change: Partial<Aims & Course> = {}): Verdict {
  const course = { rounds, tried: rounds.length, floorMs: 200, cpuPercent: rounds.at(-1)?.cpuPercent ?? 100 };
  return judge({ ...course, ...change }, { ...aims, ...change });
}

const idle = [round(1, 100, 0), round(2, 1, 1)];
const shrinking = [round(1, 100, 0), round(2, 50, 50), round(3, 25, 48)];
/** Writes all of it anew in each round. */
const busy = [round(1, 100, 0), round(2, 100, 100), round(3, 100, 100)];

const CASES: [string, Verdict, Verdict['kind'], RegExp][] = [
  ['nothing yet', after([]), 'round', /all of the memory/],
  ['a cnvm so small that all of it fits', after([round(1, 5, 0)]), 'freeze', /expected downtime 250 ms .* within 300/],
  ['a first round that may have been written anew', after([round(1, 100, 0)]), 'round', /1200 ms/],
  ['one that hardly writes', after(idle), 'freeze', /within 300 ms/],
  ['rounds that shrink', after(shrinking), 'round', /over 300 ms/],
  ['a writer that outruns the link', after(busy), 'freeze', /over 300 ms, and no better than before/],
  ['the same, to be cancelled', after(busy, { onSlow: 'cancel' }), 'cancel', /no better/],
  ['the same, strictly', after(busy, { strict: true }), 'cancel', /1200 ms \(100.0 MiB at 100.0 MiB\/s, and 200 ms/],
  ['the same, to be throttled', after(busy, { onSlow: 'throttle' }), 'throttle', /no better/],
  ['throttled, and not yet judged', after([...busy, round(4, 90, 90, 50)], { onSlow: 'throttle' }), 'round', /over/],
  [
    'throttled as far as it goes',
    after([...busy, round(4, 100, 100, 6), round(5, 100, 100, 6)], { onSlow: 'throttle' }),
    'freeze',
    /no better/,
  ],
  ['a round limit', after(shrinking, { roundsMax: 3 }), 'freeze', /after 3 rounds/],
  ['a round limit, strictly', after(shrinking, { roundsMax: 3, strict: true }), 'cancel', /after 3 rounds/],
  ['no rounds at all', after([], { roundsMax: 0 }), 'freeze', /none was whole/],
  ['a floor that is too high', after(idle, { floorMs: 450 }), 'freeze', /the memory has little part in it/],
  ['a floor that is too high, strictly', after([], { floorMs: 450, strict: true }), 'cancel', /450 ms .* 300 ms/],
];

describe('convergence', () => {
  for (const [what, verdict, kind, why] of CASES) {
    it(`${what}: ${kind}`, () => {
      assert.equal(verdict.kind, kind, verdict.why);
      assert.match(verdict.why, why);
    });
  }

  it('throttles by halves', () => {
    const percents: number[] = [];
    const rounds = [...busy];
    for (let cpuPercent = 100; ; ) {
      const verdict = after(rounds, { onSlow: 'throttle', cpuPercent, roundsMax: 100 });
      if (verdict.kind === 'freeze') break;
      if (verdict.kind === 'throttle') {
        percents.push(verdict.cpuPercent);
        cpuPercent = verdict.cpuPercent;
      }
      rounds.push(round(rounds.length + 1, 100, 100, cpuPercent));
    }
    assert.deepEqual(percents, [50, 25, 12, 6]);
  });

  const anyAims = fc.record<Aims>({
    maxDowntimeMs: fc.integer({ min: 0, max: 5_000 }),
    onSlow: fc.constantFrom('stop-copy', 'throttle', 'cancel'),
    strict: fc.boolean(),
    roundsMax: fc.integer({ min: 0, max: 40 }),
  });
  const anyWrites = fc.array(fc.integer({ min: 0, max: 500 }), { minLength: 41, maxLength: 41 });

  it('comes to an end, and never freezes strictly beyond what it may', () => {
    fc.assert(
      fc.property(anyAims, anyWrites, fc.integer({ min: 0, max: 2_000 }), (chosen, writes, floorMs) => {
        const rounds: MemoryRound[] = [];
        let cpuPercent = 100;
        for (;;) {
          const verdict = judge({ rounds, tried: rounds.length, floorMs, cpuPercent }, chosen);
          if (verdict.kind === 'freeze') {
            const late = verdict.expected !== undefined && verdict.expected.downtimeMs > chosen.maxDowntimeMs;
            assert.ok(!chosen.strict || !late);
          }
          if (verdict.kind === 'cancel') assert.ok(chosen.strict || chosen.onSlow === 'cancel');
          if (verdict.kind === 'freeze' || verdict.kind === 'cancel') return;
          if (verdict.kind === 'throttle') {
            assert.equal(chosen.onSlow, 'throttle');
            assert.ok(verdict.cpuPercent < cpuPercent);
            cpuPercent = verdict.cpuPercent;
          }
          const dirty = writes[rounds.length] ?? 0;
          rounds.push(round(rounds.length + 1, rounds.length === 0 ? 100 : Math.min(100, dirty), dirty, cpuPercent));
          assert.ok(rounds.length <= chosen.roundsMax);
        }
      }),
    );
  });

  it('expects no less of one that writes more, and no more than all of its memory', () => {
    fc.assert(
      fc.property(fc.nat(1_000), fc.nat(1_000), fc.nat(1_000), (some, more, floorMs) => {
        const expect = (dirty: number) =>
          expectDowntime([round(1, 100, 0), round(2, 10, dirty)], floorMs)?.downtimeMs ?? Number.NaN;
        assert.ok(expect(some) <= expect(some + more));
        assert.ok(expect(some + more) <= floorMs + 1_001);
      }),
    );
  });
});
