import assert from 'node:assert/strict';
import fc from 'fast-check';
import { linkName } from '../../../src/cnvms/address.js';
import { DIRECTORY_KINDS, type Found, isStillSpare, type Known, residueOf } from '../../../src/migration/residue.js';
import { runs } from '../../support/fuzz.js';

const NETWORK = '10.100.0.0/16';
const ID = '00000000-0000-4000-8000-000000000001';
const nothing: Found = { directories: [], containers: [], cgroups: [], links: [], closed: [] };
const known = (change: Partial<Known> = {}): Known => ({
  names: new Set(['ours']),
  addresses: new Set(['10.100.1.1']),
  migrations: new Set([ID]),
  ...change,
});
const wordsOf = (found: Partial<Found>, about = known()) =>
  residueOf({ ...nothing, ...found }, about, NETWORK).removals.map(({ kind, name }) => `${kind} ${name}`);

describe('what is left over', () => {
  for (const kind of DIRECTORY_KINDS.filter((one) => one !== 'migrations')) {
    it(`${kind}: of nobody, and not what is ours or no name`, () => {
      const names = ['ours', 'gone', 'lost+found', '.hidden', 'A', '..', 'x'.repeat(100)];
      assert.deepEqual(wordsOf({ directories: names.map((name) => ({ kind, name })) }), [`${kind} gone`]);
    });
  }

  it('migrations: of nobody, and not what is open or no id', () => {
    const other = ID.replace('1', '2');
    const directories = [ID, other, 'gone', `${other}.x`].map((name) => ({ kind: 'migrations', name }) as const);
    assert.deepEqual(wordsOf({ directories }), [`migrations ${other}`]);
  });

  it('links and filters: of no address that is spoken for, and within the overlay alone', () => {
    const addresses = ['10.100.1.1', '10.100.1.2', '10.100.0.1', '10.101.1.2', '10.100.255.255'];
    const links = [...addresses.map(linkName), 'cn', 'cn0a64010', 'cn0A640102', 'cn0a640102x', 'cnzz640102', 'eth0'];
    assert.deepEqual(wordsOf({ links, closed: [...addresses, '10.100.1.02'] }), [
      'link cn0a640102',
      'filter 10.100.1.2',
    ]);
  });

  it('containers and cgroups: those without a process', () => {
    const containers = [
      { name: 'gone', status: 'stopped' },
      { name: 'ours', status: 'stopped' },
    ] as const;
    const cgroups = [
      { name: 'gone', populated: false },
      { name: 'ours', populated: false },
    ];
    assert.deepEqual(wordsOf({ containers, cgroups }), ['container gone', 'cgroup gone']);
  });

  it('what runs and belongs to nobody is a stranger, and nothing that may be its own is removed', () => {
    const found: Found = {
      directories: DIRECTORY_KINDS.map((kind) => ({ kind, name: 'alive' })),
      containers: [{ name: 'alive', status: 'running' }],
      cgroups: [
        { name: 'alive', populated: true },
        { name: 'walks', populated: true },
        { name: 'ours', populated: true },
      ],
      links: ['cn0a640102'],
      closed: ['10.100.1.2'],
    };
    assert.deepEqual(residueOf(found, known(), NETWORK), { removals: [], strangers: ['alive', 'walks'] });
  });

  it('is looked at once more before it goes', () => {
    const { removals } = residueOf(
      { ...nothing, directories: [{ kind: 'lower', name: 'gone' }], closed: ['10.100.1.2'] },
      known(),
      NETWORK,
    );
    const now = known({ names: new Set(['gone']), addresses: new Set(['10.100.1.2']) });
    assert.deepEqual(
      removals.map((removal) => [isStillSpare(removal, known()), isStillSpare(removal, now)]),
      [
        [true, false],
        [true, false],
      ],
    );
  });

  const name = fc.constantFrom('a', 'b', 'c', 'd', '..', 'A', '');
  const address = fc.constantFrom('10.100.1.1', '10.100.1.2', '10.100.1.3', '10.100.0.1', '10.9.1.1');
  const id = fc.constantFrom(ID, ID.replace('1', '2'), 'a', '..');
  const anyFound: fc.Arbitrary<Found> = fc.record({
    directories: fc.array(
      fc.oneof(
        fc.record({ kind: fc.constantFrom(...DIRECTORY_KINDS), name }),
        fc.record({ kind: fc.constant('migrations' as const), name: id }),
      ),
    ),
    containers: fc.array(fc.record({ name, status: fc.constantFrom('running' as const, 'stopped' as const) })),
    cgroups: fc.array(fc.record({ name, populated: fc.boolean() })),
    links: fc.array(fc.oneof(address.map(linkName), fc.string())),
    closed: fc.array(fc.oneof(address, fc.string())),
  });
  const anyKnown: fc.Arbitrary<Known> = fc
    .tuple(fc.array(name), fc.array(address), fc.array(id))
    .map(([names, addresses, ids]) => ({
      names: new Set(names),
      addresses: new Set(addresses),
      migrations: new Set(ids),
    }));

  it('never is what is known, what runs, or what was not found', () => {
    fc.assert(
      fc.property(anyFound, anyKnown, (found, about) => {
        const { removals, strangers } = residueOf(found, about, NETWORK);
        const live = [
          ...found.containers.filter(({ status }) => status === 'running'),
          ...found.cgroups.filter(({ populated }) => populated),
        ].map((one) => one.name);
        for (const removal of removals) {
          assert.ok(isStillSpare(removal, about), `${removal.kind} ${removal.name}`);
          assert.ok(!live.includes(removal.name), `${removal.name} runs`);
          assert.doesNotMatch(removal.name, /^\.*$|\//);
          const there = [...found.directories, ...found.containers, ...found.cgroups].map((one) => one.name);
          assert.ok([...there, ...found.links, ...found.closed].includes(removal.name));
        }
        assert.deepEqual(
          strangers.filter((one) => about.names.has(one) || !live.includes(one)),
          [],
        );
      }),
      runs(1_000),
    );
  });
});
