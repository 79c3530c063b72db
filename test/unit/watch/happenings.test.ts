import assert from 'node:assert/strict';
import fc from 'fast-check';
import {
  type Happening,
  happenings,
  NOTHING,
  type Standing,
  type WatchedCnvm,
  type WatchedMember,
  type WatchedMigration,
  wantedOf,
  wants,
} from '../../../src/watch/happenings.js';
import { watchedCnvm, watchedMember, watchedMigration } from './samples.js';

const NAMES = ['one', 'two', 'three'];
const nameOf = fc.constantFrom(...NAMES);
const membersOf = fc
  .dictionary(nameOf, fc.constantFrom('alive', 'suspect', 'dead', 'left'))
  .map(
    (all) =>
      new Map(
        Object.entries(all).map(([name, state]) => [name, watchedMember(name, { state } as Partial<WatchedMember>)]),
      ),
  );
const cnvmsOf = fc
  .dictionary(
    nameOf,
    fc.tuple(nameOf, fc.constantFrom('stopped', 'running', 'frozen', 'arriving', 'in-doubt'), fc.boolean()),
  )
  .map(
    (all) =>
      new Map(
        Object.entries(all).map(([name, [owner, state, contested]]) => [
          name,
          watchedCnvm(name, { owner, state, conflict: contested ? 'two claim it' : '' } as Partial<WatchedCnvm>),
        ]),
      ),
  );
const migrationsOf = fc
  .dictionary(nameOf, fc.tuple(fc.constantFrom('running', 'succeeded', 'aborted'), fc.constantFrom('seed', 'freeze')))
  .map(
    (all) =>
      new Map(
        Object.entries(all).map(([id, [outcome, phase]]) => [
          id,
          watchedMigration({ id, outcome, phase } as Partial<WatchedMigration>),
        ]),
      ),
  );
const standing: fc.Arbitrary<Standing> = fc.record({ members: membersOf, cnvms: cnvmsOf, migrations: migrationsOf });

/** As a reader keeps it. */
function applied(before: Standing, all: readonly Happening[]): Standing {
  const [members, cnvms, migrations] = [new Map(before.members), new Map(before.cnvms), new Map(before.migrations)];
  for (const one of all) {
    if (one.kind === 'member' && one.change === 'forgotten') members.delete(one.member.name);
    else if (one.kind === 'member') members.set(one.member.name, one.member);
    else if (one.kind === 'cnvm' && one.change === 'removed') cnvms.delete(one.cnvm.name);
    else if (one.kind === 'cnvm') cnvms.set(one.cnvm.name, one.cnvm);
    else if (one.change === 'unheard') migrations.delete(one.migration.id);
    else migrations.set(one.migration.id, one.migration);
  }
  return { members, cnvms, migrations };
}

describe('what happens between two looks', () => {
  it('takes a reader from the one to the other; ended migrations stay as they ended', () => {
    fc.assert(
      fc.property(standing, standing, (before, after) => {
        const found = applied(before, happenings(before, after));
        assert.deepEqual(new Map([...found.members].sort()), new Map([...after.members].sort()));
        assert.deepEqual(new Map([...found.cnvms].sort()), new Map([...after.cnvms].sort()));
        for (const [id, migration] of after.migrations) {
          if (migration.outcome === 'running' || before.migrations.get(id)?.outcome !== migration.outcome)
            assert.deepEqual(found.migrations.get(id), migration);
        }
        for (const { outcome, id } of found.migrations.values())
          if (outcome === 'running') assert.ok(after.migrations.has(id));
      }),
    );
  });

  it('is nothing when nothing is another', () => {
    fc.assert(fc.property(standing, (one) => assert.deepEqual(happenings(one, structuredClone(one)), [])));
  });

  const cnvm = watchedCnvm('web', { owner: 'node1', epoch: 3, state: 'running' });
  const cases: readonly [string, WatchedCnvm | undefined, WatchedCnvm | undefined, string][] = [
    ['created', undefined, cnvm, 'created'],
    ['removed', cnvm, undefined, 'removed'],
    ['stopped', cnvm, { ...cnvm, state: 'stopped' }, 'stopped'],
    ['started', { ...cnvm, state: 'stopped' }, cnvm, 'started'],
    ['moved', cnvm, { ...cnvm, owner: 'node2', epoch: 4, state: 'arriving' }, 'moved'],
    ['frozen', cnvm, { ...cnvm, state: 'frozen' }, 'changed'],
    ['thawed', { ...cnvm, state: 'frozen' }, cnvm, 'changed'],
    ['in doubt', { ...cnvm, state: 'frozen' }, { ...cnvm, state: 'in-doubt' }, 'in-doubt'],
    ['claimed by two', cnvm, { ...cnvm, conflict: 'node1 and node2 claim it' }, 'contested'],
    ['claimed by one again', { ...cnvm, conflict: 'node1 and node2 claim it' }, cnvm, 'changed'],
  ];
  for (const [what, before, after, change] of cases) {
    it(`to a cnvm that is ${what} is "${change}"`, () => {
      const of = (one: WatchedCnvm | undefined) => ({
        ...NOTHING,
        cnvms: new Map(one === undefined ? [] : [['web', one]]),
      });
      const all = happenings(of(before), of(after));
      assert.deepEqual(
        all.map((one) => one.change),
        [change],
      );
      assert.equal(all[0]?.kind === 'cnvm' && all[0].from, change === 'moved' ? 'node1' : '');
    });
  }

  it('to a migration is its begin, each phase, its figures and its end, once', () => {
    const states = [
      undefined,
      watchedMigration({ phase: 'seed' }),
      watchedMigration({ phase: 'seed', memoryBytes: 7 }),
      watchedMigration({ phase: 'freeze' }),
      watchedMigration({ phase: 'release', outcome: 'succeeded' }),
      watchedMigration({ phase: 'release', outcome: 'succeeded', totalMs: 9 }),
      undefined,
    ].map((one) => ({ ...NOTHING, migrations: new Map(one === undefined ? [] : [[one.id, one]]) }));
    const changes = states
      .slice(1)
      .flatMap((after, at) => happenings(states[at] ?? NOTHING, after).map((one) => one.change));
    assert.deepEqual(changes, ['begun', 'progress', 'phase', 'ended']);
  });
});

describe('a watcher', () => {
  const moved: Happening = {
    kind: 'cnvm',
    change: 'moved',
    cnvm: watchedCnvm('web', { owner: 'node2' }),
    from: 'node1',
  };
  it('gets only what it wants', () => {
    assert.ok(wants({ kinds: [], name: '' }, moved));
    assert.ok(wants({ kinds: ['cnvm'], name: 'web' }, moved));
    assert.ok(wants({ kinds: [], name: 'node1' }, moved), 'of the node that it left');
    assert.ok(!wants({ kinds: ['member'], name: '' }, moved));
    assert.ok(!wants({ kinds: ['cnvm'], name: 'db' }, moved));
  });

  it('gets of the snapshot what it would get of events', () => {
    const all: Standing = {
      members: new Map([['node1', watchedMember('node1')]]),
      cnvms: new Map([['web', watchedCnvm('web')]]),
      migrations: new Map([['m', watchedMigration({ name: 'web' })]]),
    };
    assert.deepEqual([...wantedOf({ kinds: ['cnvm'], name: '' }, all).members.keys()], []);
    const web = wantedOf({ kinds: [], name: 'web' }, all);
    assert.deepEqual(
      [[...web.members.keys()], [...web.cnvms.keys()], [...web.migrations.keys()]],
      [[], ['web'], ['m']],
    );
  });
});
