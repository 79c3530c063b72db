import assert from 'node:assert/strict';
import { FollowResponse } from '../../../src/gen/cnvm/peer/v1/watch.js';
import type { Progress } from '../../../src/migration/migration.js';
import { fromNews, toNews, toSnapshots } from '../../../src/rpc/watch-messages.js';
import type { News } from '../../../src/watch/own-feed.js';
import { watchedCnvm, watchedMember, watchedMigration } from '../watch/samples.js';

const progress: Progress = {
  phase: 'seed',
  ...{ bytesDone: 5, bytesTotal: 10, bytesPerSecond: 3, phaseMs: 7, round: 1, pagesDone: 2 },
  ...{ dirtyBytesPerSecond: 1, expectedDowntimeMs: 40.5, leftMs: 9 },
};
const migration = watchedMigration({ progress, phases: [{ phase: 'negotiate', ms: 1.5 }], freezeMs: 80.25 });
const overTheWire = (news: News) => fromNews(FollowResponse.decode(FollowResponse.encode(toNews(news)).finish()));

describe('what a node says of itself', () => {
  it('arrives as it was said', () => {
    const all: News[] = [
      { kind: 'everything', cnvms: [watchedCnvm('web', { state: 'in-doubt' })], migrations: [migration] },
      { kind: 'cnvms', cnvms: [watchedCnvm('web', { epoch: 7, conflict: 'two claim it' })] },
      {
        kind: 'migration',
        migration: { ...migration, outcome: 'stranded', endTime: '2026-01-01T00:00:01.000Z', error: 'why' },
      },
    ];
    for (const news of all) assert.deepEqual(overTheWire(news), news);
  });

  it('is taken as far as it makes sense, and without what a terminal would obey', () => {
    const cnvms = [
      watchedCnvm('Not A Name'),
      watchedCnvm('web', { conflict: 'red \u001b[31m' }),
      watchedCnvm('db', { owner: '../x' }),
    ];
    const taken = overTheWire({ kind: 'cnvms', cnvms });
    assert.deepEqual(taken, { kind: 'cnvms', cnvms: [watchedCnvm('web', { conflict: 'red  [31m' })] });
    assert.equal(overTheWire({ kind: 'migration', migration: { ...migration, id: '../../etc' } }), undefined);
    const long = overTheWire({ kind: 'migration', migration: { ...migration, error: 'x'.repeat(100_000) } });
    assert.ok(long?.kind === 'migration' && long.migration.error.length < 3_000);
    assert.equal(fromNews({ news: undefined }), undefined, 'from a newer version');
  });
});

describe('a snapshot', () => {
  it('goes in parts, the last of which says that it is', () => {
    const members = new Map([['node1', watchedMember('node1')]]);
    const cnvms = new Map(Array.from({ length: 2_500 }, (_, at) => [`c${at}`, watchedCnvm(`c${at}`)] as const));
    const parts = [...toSnapshots('node1', { members, cnvms, migrations: new Map() })];
    assert.deepEqual(
      parts.map(({ more }) => more),
      [true, true, false],
    );
    assert.equal(parts.flatMap((part) => part.members).length, 1);
    assert.equal(parts.flatMap((part) => part.cnvms).length, 2_500);
  });

  it('is one empty part when there is nothing', () => {
    const parts = [...toSnapshots('node1', { members: new Map(), cnvms: new Map(), migrations: new Map() })];
    assert.deepEqual(
      parts.map(({ more, node }) => [more, node]),
      [[false, 'node1']],
    );
  });
});
