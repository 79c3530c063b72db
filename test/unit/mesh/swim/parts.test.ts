import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { Holding } from '../../../../src/mesh/directory.js';
import { standingOf } from '../../../../src/mesh/standing.js';
import { applyClaims, claimsChange, fits, mergeClaims } from '../../../../src/mesh/swim/claims.js';
import { bucketCount, digestOf, hashOf, isBucketCount } from '../../../../src/mesh/swim/digest.js';
import { enqueue, newGossipQueue, takeWords, unqueue } from '../../../../src/mesh/swim/gossip-queue.js';
import { newTimers, nextAt, popDue, setTimer } from '../../../../src/mesh/swim/timers.js';
import type { ClaimsWord, StateWord } from '../../../../src/mesh/swim/words.js';
import { runs } from '../../../support/fuzz.js';

const holding = (name: string, epoch = 1): Holding => ({
  name,
  address: '10.100.1.1',
  epoch,
  state: 'running',
  image: 'base@x',
});
const lists = fc
  .uniqueArray(fc.tuple(fc.constantFrom('a', 'b', 'c', 'd'), fc.integer({ min: 1, max: 3 })), {
    selector: ([name]) => name,
  })
  .map((entries) => entries.map(([name, epoch]) => holding(name, epoch)));
const mapOf = (list: readonly Holding[]) => new Map(list.map((one) => [one.name, one]));

/** The words of a node whose claims go through these lists, one revision each from 10 on. */
function wordsOf(all: readonly (readonly Holding[])[]): ClaimsWord[] {
  return all.slice(1).map((now, index) => {
    const change = claimsChange(mapOf(all[index] ?? []), now) ?? { changed: [], removed: [] };
    return { kind: 'claims', name: 'node1', base: 10 + index, revision: 11 + index, ...change };
  });
}

describe('claims that change step by step', () => {
  it('are the same for who heard every step and who heard them as one', () => {
    fc.assert(
      fc.property(fc.array(lists, { minLength: 2, maxLength: 6 }), (all) => {
        const words = wordsOf(all);
        const [step, once] = [mapOf(all[0] ?? []), mapOf(all[0] ?? [])];
        for (const word of words) applyClaims(step, word);
        applyClaims(once, words.reduce(mergeClaims));
        assert.deepEqual(step, mapOf(all.at(-1) ?? []));
        assert.deepEqual(once, step);
      }),
      runs(300),
    );
  });
  it('are not changed by a word that goes on from what is not known', () => {
    assert.ok(fits({ base: 3, revision: 5 }, 4));
    for (const held of [2, 5, 6]) assert.ok(!fits({ base: 3, revision: 5 }, held));
  });
  it('that come whole take the place of what was there', () => {
    const claims = mapOf([holding('a'), holding('b')]);
    applyClaims(claims, { base: 0, changed: [holding('c')], removed: [] });
    assert.deepEqual([...claims.keys()], ['c']);
    const [whole, next] = [
      { kind: 'claims', name: 'n', base: 0, revision: 4, changed: [holding('a')], removed: [] },
      { kind: 'claims', name: 'n', base: 0, revision: 5, changed: [], removed: [] },
    ] as const;
    assert.deepEqual(mergeClaims(whole, next), next);
  });
});

describe('what is passed on', () => {
  const word = (name: string, incarnation = 1): StateWord => ({
    kind: 'state',
    name,
    state: 'dead',
    incarnation,
    by: 'x',
  });
  it('goes out as often as it should, the least sent first, and the newest of each', () => {
    const queue = newGossipQueue();
    enqueue(queue, word('a', 1));
    enqueue(queue, word('a', 2));
    assert.deepEqual(takeWords(queue, 1_000, 2), [word('a', 2)]);
    enqueue(queue, word('b'));
    assert.deepEqual(takeWords(queue, 1, 2), [word('b')]);
    assert.equal(takeWords(queue, 1_000, 2).length, 2);
    assert.deepEqual(takeWords(queue, 1_000, 2), []);
    enqueue(queue, word('a'));
    unqueue(queue, 'a');
    assert.equal(queue.entries.size, 0);
  });
  it('keeps to the bytes of a message', () => {
    const queue = newGossipQueue();
    for (let index = 0; index < 500; index += 1) enqueue(queue, word(`node${index}`));
    assert.ok(takeWords(queue, 500, 4).length < 30);
  });
  it('sends what came first before what came later, and each word as often as every other', () => {
    const queue = newGossipQueue();
    const names = Array.from({ length: 50 }, (_, index) => `node${index}`);
    for (const name of names) enqueue(queue, word(name));
    const told = new Map<string, number>();
    const order: string[] = [];
    while (queue.entries.size > 0)
      for (const { name } of takeWords(queue, 500, 4)) {
        if (!told.has(name)) order.push(name);
        told.set(name, (told.get(name) ?? 0) + 1);
      }
    assert.deepEqual(order, names);
    assert.deepEqual(new Set(told.values()), new Set([4]));
  });
  it('puts a short word beside a long one, and looks no further than a few words for it', () => {
    const queue = newGossipQueue();
    const long = (name: string): StateWord => ({ ...word(name), by: 'x'.repeat(120) });
    for (const name of ['a', 'b']) enqueue(queue, long(name));
    enqueue(queue, word('short'));
    assert.deepEqual(
      takeWords(queue, 200, 4).map(({ name }) => name),
      ['a', 'short'],
    );
  });
  it('costs the next message no more when the whole mesh is to be told of', () => {
    const looked = (members: number) => {
      const queue = newGossipQueue();
      for (let index = 0; index < members; index += 1) enqueue(queue, { ...word(`node${index}`), by: 'x'.repeat(90) });
      let count = 0;
      for (const row of queue.rows) {
        const values = row.values.bind(row);
        function* counted() {
          for (const entry of values()) {
            count += 1;
            yield entry;
          }
        }
        Object.defineProperty(row, 'values', { value: counted });
      }
      takeWords(queue, 1_000, 4);
      return count;
    };
    assert.equal(looked(2_000), looked(100));
  });
});

describe('tables that are compared', () => {
  const state = fc.constantFrom('alive', 'suspect', 'dead');
  const member = fc.record({
    hash: fc.nat(),
    state,
    incarnation: fc.nat(9),
    cardRevision: fc.nat(),
    claimsRevision: fc.nat(),
  });
  it('differ when anything but a suspicion does', () => {
    fc.assert(
      fc.property(member, fc.constantFrom('incarnation', 'cardRevision', 'claimsRevision', 'hash'), (one, field) => {
        assert.notEqual(digestOf({ ...one, [field]: one[field] + 1 }), digestOf(one));
        assert.notEqual(digestOf({ ...one, state: 'alive' }), digestOf({ ...one, state: 'dead' }));
        assert.equal(digestOf({ ...one, state: 'alive' }), digestOf({ ...one, state: 'suspect' }));
      }),
      runs(300),
    );
    assert.notEqual(
      digestOf({ hash: 1, state: 'alive', incarnation: 1, cardRevision: 1, claimsRevision: 2 ** 40 }),
      digestOf({ hash: 1, state: 'alive', incarnation: 1, cardRevision: 1, claimsRevision: 2 ** 41 }),
    );
  });
  it('have buckets of a few names', () => {
    for (const members of [0, 3, 64, 65, 1_000, 100_000]) assert.ok(isBucketCount(bucketCount(members)));
    for (const count of [0, 3, 8, 48, 2_048, -16]) assert.ok(!isBucketCount(count));
    const filled = new Map<number, number>();
    for (let index = 0; index < 1_024; index += 1) {
      const bucket = hashOf(`node${index}`) & 255;
      filled.set(bucket, (filled.get(bucket) ?? 0) + 1);
    }
    assert.ok(Math.max(...filled.values()) < 16, 'the hash spreads names evenly');
  });
});

describe('timers', () => {
  it('come out in the order of their times', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(20)), (times) => {
        const timers = newTimers<number>();
        for (const [order, at] of times.entries()) setTimer(timers, at, at * 1_000 + order);
        const out: number[] = [];
        for (;;) {
          assert.equal(nextAt(timers), timers.heap[0]?.at ?? Number.POSITIVE_INFINITY);
          const next = popDue(timers, 30);
          if (next === undefined) break;
          out.push(next);
        }
        assert.deepEqual(
          out,
          times.map((at, order) => at * 1_000 + order).sort((a, b) => a - b),
        );
      }),
      runs(300),
    );
  });
});

describe('whether a node may run what it has', () => {
  for (const [others, kind] of [
    [[], 'ours'],
    [[{ node: 'node2', epoch: 4 }], 'ours'],
    [[{ node: 'node2', epoch: 6 }], 'elsewhere'],
    [[{ node: 'node2', epoch: 5 }], 'contested'],
    [
      [
        { node: 'node2', epoch: 5 },
        { node: 'node3', epoch: 6 },
      ],
      'elsewhere',
    ],
  ] as const)
    it(`at epoch 5, where others say ${JSON.stringify(others)}: ${kind}`, () =>
      assert.equal(
        standingOf(
          { epoch: 5 },
          others.map((one) => ({ ...one, runs: true })),
        ).kind,
        kind,
      ));
});
