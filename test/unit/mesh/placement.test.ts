import assert from 'node:assert/strict';
import fc from 'fast-check';
import { NO_WISHES, type Wishes } from '../../../src/cnvms/labels.js';
import { type Bidder, companyRefusals, type Fits, place, type Seeker } from '../../../src/mesh/placement.js';

const MIB = 1024 * 1024;
const anyone: Fits = () => [];

const seeker = (name: string, change: Partial<Seeker> = {}): Seeker => ({
  ...{ name, wishes: NO_WISHES, memoryBytes: 64 * MIB, memoryNeedBytes: 128 * MIB, diskBytes: MIB },
  ...change,
});
const bidder = (node: string, change: Partial<Bidder> = {}): Bidder => ({
  ...{ node, refusals: [], memoryTotalBytes: 4096 * MIB, memoryAvailableBytes: 2048 * MIB },
  ...{ diskAvailableBytes: 1024 * MIB, load: 0, residents: [] },
  ...change,
});
const wishes = (change: Partial<Wishes>): Wishes => ({ ...NO_WISHES, ...change });

const label = fc.constantFrom('app=db', 'app=web', 'tier=1');
const someWishes = fc.record({
  labels: fc.constantFrom({}, { app: 'db' }, { app: 'web', tier: '1' }),
  affinity: fc.uniqueArray(label, { maxLength: 2 }),
  antiAffinity: fc.uniqueArray(label, { maxLength: 1 }),
});
const amount = fc.nat(512).map((mib) => mib * MIB);
const someSeekers = fc.uniqueArray(
  fc.record({
    name: fc.constantFrom(...'abcdefghijkl'),
    wishes: someWishes,
    memoryBytes: amount,
    extra: amount,
    diskBytes: amount,
  }),
  { selector: ({ name }) => name, maxLength: 12 },
);
const someBidders = fc.uniqueArray(
  fc.record({
    node: fc.constantFrom('node2', 'node3', 'node4', 'node5'),
    refusals: fc.oneof({ weight: 4, arbitrary: fc.constant([]) }, fc.constant(['it is cordoned'])),
    memoryTotalBytes: fc.constant(4096 * MIB),
    memoryAvailableBytes: fc.nat(3000).map((mib) => mib * MIB),
    diskAvailableBytes: fc.nat(3000).map((mib) => mib * MIB),
    load: fc.double({ min: 0, max: 4, noNaN: true }),
    residents: fc.array(fc.record({ name: fc.constantFrom('x', 'y', 'z'), wishes: someWishes }), { maxLength: 2 }),
  }),
  { selector: ({ node }) => node },
);
const seekersOf = fc.tuple(someSeekers, someBidders, fc.array(fc.boolean(), { minLength: 48, maxLength: 48 }));

/** Every seeker and bidder at random, and a table of who fits where. */
const cases = seekersOf.map(([some, bidders, table]) => {
  const seekers = some.map(({ extra, ...one }): Seeker => ({ ...one, memoryNeedBytes: one.memoryBytes + extra }));
  const nodes = ['node2', 'node3', 'node4', 'node5'];
  const fits: Fits = (name, node) =>
    table[(name.charCodeAt(0) - 97) * 4 + nodes.indexOf(node)] === true ? [] : [`${name} does not fit on ${node}`];
  return { seekers, bidders, fits };
});

describe('placement', () => {
  it('gives each a place or every reason why not, and never two answers', () => {
    fc.assert(
      fc.property(cases, ({ seekers, bidders, fits }) => {
        const { places, stay } = place(seekers, bidders, fits);
        for (const { name } of seekers) {
          assert.notEqual(places.has(name), stay.has(name), name);
          if (stay.has(name)) assert.ok((stay.get(name)?.length ?? 0) >= Math.max(1, bidders.length), name);
        }
        assert.equal(places.size + stay.size, seekers.length);
      }),
    );
  });

  it('sends nobody where there is no room, where it is refused, or against a wish', () => {
    fc.assert(
      fc.property(cases, ({ seekers, bidders, fits }) => {
        const { places } = place(seekers, bidders, fits);
        for (const one of bidders) {
          const sent = seekers.filter(({ name }) => places.get(name) === one.node);
          if (sent.length === 0) continue;
          assert.deepEqual(one.refusals, []);
          const sum = (of: (one: Seeker) => number) => sent.reduce((all, seeker) => all + of(seeker), 0);
          assert.ok(sum(({ diskBytes }) => diskBytes) <= one.diskAvailableBytes);
          // Whoever came last needed more while it moved; the others hold what they hold.
          const last = Math.min(...sent.map(({ memoryNeedBytes, memoryBytes }) => memoryNeedBytes - memoryBytes));
          assert.ok(sum(({ memoryBytes }) => memoryBytes) + last <= one.memoryAvailableBytes);
          for (const seeker of sent) {
            assert.deepEqual(fits(seeker.name, one.node), []);
            const others = [...one.residents, ...sent.filter((other) => other !== seeker)];
            assert.deepEqual(companyRefusals(seeker, one.node, others), []);
          }
        }
      }),
    );
  });

  it('says the same whatever the order', () => {
    const shuffled = cases.chain((one) =>
      fc.record({
        one: fc.constant(one),
        seekers: fc.shuffledSubarray(one.seekers, { minLength: one.seekers.length }),
        bidders: fc.shuffledSubarray(one.bidders, { minLength: one.bidders.length }),
      }),
    );
    fc.assert(
      fc.property(shuffled, ({ one, seekers, bidders }) => {
        const [a, b] = [place(one.seekers, one.bidders, one.fits), place(seekers, bidders, one.fits)];
        assert.deepEqual([...b.places].sort(), [...a.places].sort());
        assert.deepEqual([...b.stay].sort(), [...a.stay].sort());
      }),
    );
  });

  it('spreads what is alike over nodes that are alike', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 0, max: 14 }), (nodes, count) => {
        const bidders = Array.from({ length: nodes }, (_, index) => bidder(`node${index + 2}`));
        const seekers = Array.from({ length: count }, (_, index) => seeker(`cnvm-${index}`, { memoryBytes: MIB }));
        const { places } = place(seekers, bidders, anyone);
        assert.equal(places.size, count);
        const counts = bidders.map(({ node }) => [...places.values()].filter((one) => one === node).length);
        assert.ok(Math.max(...counts) - Math.min(...counts) <= 1, counts.join());
      }),
    );
  });

  it('prefers memory that is free, and CPUs that are idle', () => {
    const full = bidder('node2', { memoryAvailableBytes: 512 * MIB });
    assert.equal(place([seeker('a')], [full, bidder('node3')], anyone).places.get('a'), 'node3');
    const busy = bidder('node2', { load: 1.5 });
    assert.equal(place([seeker('a')], [busy, bidder('node3')], anyone).places.get('a'), 'node3');
  });

  it('finds company for who wants it, also on a node that is busy', () => {
    const there = { name: 'db', wishes: wishes({ labels: { app: 'db' } }) };
    const busy = bidder('node3', { load: 3, residents: [there] });
    const wants = seeker('a', { wishes: wishes({ affinity: ['app=db'] }) });
    assert.equal(place([wants], [bidder('node2'), busy], anyone).places.get('a'), 'node3');
  });

  it('keeps those apart of whom one does not want the other, whoever says it', () => {
    const db = (name: string) => seeker(name, { wishes: wishes({ labels: { app: 'db' }, antiAffinity: ['app=db'] }) });
    const two = place([db('a'), db('b'), db('c')], [bidder('node2'), bidder('node3')], anyone);
    assert.equal(new Set(two.places.values()).size, 2);
    assert.match(two.stay.get('c')?.[0] ?? '', /c is not to be beside a, which is on node2/);
    const shy = { name: 'shy', wishes: wishes({ antiAffinity: ['app=web'] }) };
    const web = seeker('w', { wishes: wishes({ labels: { app: 'web' } }) });
    const { stay } = place([web], [bidder('node2', { residents: [shy] })], anyone);
    assert.deepEqual(stay.get('w'), ['shy, which is on node2, is not to be beside w']);
  });

  it('says that nobody can be asked when that is so', () => {
    assert.deepEqual(place([seeker('a')], [], anyone).stay.get('a'), ['no peer can be asked']);
  });
});
