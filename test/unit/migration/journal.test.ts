import assert from 'node:assert/strict';
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { entryText, type JournalEntry, openJournal, parseEntry } from '../../../src/migration/journal.js';
import { odd, pathsIn, replaceAt, runs, sameKind } from '../../support/fuzz.js';
import { memoryRound, migration, record } from '../../support/samples.js';
import { temporary } from '../../support/temporary.js';

const entry: JournalEntry = {
  version: 1,
  role: 'source',
  state: 'handing-over',
  migration,
  record,
  peer: 'node2',
  settled: false,
};

/** Fields that older entries lack. */
const LATER = ['memoryMode', 'memoryRounds', 'maxDowntimeMs', 'expectedDowntimeMs'].map(
  (field) => `migration.${field}`,
);

describe('the journal', () => {
  const directory = temporary();

  it('is read by the next daemon as it was written', async () => {
    await openJournal(directory()).write(entry);
    assert.deepEqual(openJournal(directory()).get('m1'), JSON.parse(JSON.stringify(entry)));
    assert.deepEqual(readdirSync(directory()), ['m1.json']);
  });

  it('of many writes at once the last one stays, whole, and what a crash left of one is swept', async () => {
    const journal = openJournal(directory());
    const writes = Array.from({ length: 20 }, (_, count) =>
      journal.write({ ...entry, peer: 'n'.repeat(1 + ((count * 7) % 20)), settled: count === 19 }),
    );
    await Promise.all(writes);
    writeFileSync(join(directory(), 'm1.json.half.tmp'), '{');
    const found = openJournal(directory()).get('m1');
    assert.deepEqual([found?.settled, found?.peer], [true, 'n'.repeat(1 + ((19 * 7) % 20))]);
    assert.deepEqual(readdirSync(directory()), ['m1.json']);
  });

  it('stops the daemon rather than guess at a torn entry', async () => {
    await openJournal(directory()).write(entry);
    writeFileSync(join(directory(), 'm1.json'), entryText(entry).slice(0, 200));
    assert.throws(() => openJournal(directory()), /m1.json cannot be read/);
  });

  const text = entryText(entry).trim();
  const refusal = /^the journal entry f cannot be read: /;
  const refuses = (changed: string) =>
    assert.throws(
      () => parseEntry(changed, 'f'),
      (error: Error) => refusal.test(error.message),
    );
  /** As `entryText` would write it: what is wrong is wrong in itself. */
  const signed = (changed: object) => entryText(changed as JournalEntry);

  it('understands no prefix of an entry, and no other version', () => {
    fc.assert(
      fc.property(fc.nat(text.length - 1), (length) => refuses(text.slice(0, length))),
      runs(200),
    );
    for (const version of [0, 2, '1', undefined]) refuses(signed({ ...entry, version }));
  });

  it('takes no entry in which a bit has turned for another one', () => {
    const bytes = Buffer.from(text);
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.nat(7), (at, bit) => {
        const turned = Buffer.from(bytes);
        turned[at] = (turned[at] ?? 0) ^ (1 << bit);
        refuses(turned.toString());
      }),
      runs(1_000),
    );
  });

  it('takes no entry with a value of another kind anywhere in it, or with one missing', () => {
    const parts = { phases: [{ phase: 'seed', ms: 1 }], freezeParts: [{ name: 'dump', ms: 2 }] };
    const memory = { memoryMode: 'pre-copy', memoryRounds: [memoryRound] };
    const full = { ...entry, migration: { ...migration, ...parts, ...memory, endTime: '2026-01-01T00:00:01.000Z' } };
    assert.equal(parseEntry(signed(full), 'f').migration.endTime, full.migration.endTime);
    // Without an end it has not ended.
    const paths = pathsIn(full).filter((path) => path.at(-1) !== 'endTime');
    fc.assert(
      fc.property(fc.constantFrom(...paths), odd, (path, value) => {
        const changed = JSON.parse(JSON.stringify(full)) as object;
        fc.pre(value !== undefined || !LATER.includes(path.join('.')));
        fc.pre(!sameKind(replaceAt(changed, path, value), value));
        refuses(signed(changed));
      }),
      runs(1_000),
    );
  });

  it('reads what was written before memory moved in rounds', () => {
    const { memoryRounds, maxDowntimeMs, expectedDowntimeMs, ...before } = migration;
    const read = parseEntry(signed({ ...entry, migration: before }), 'f').migration;
    assert.deepEqual([read.memoryRounds, read.maxDowntimeMs, read.expectedDowntimeMs], [[], 0, 0]);
  });

  it('takes none that contradicts itself', () => {
    for (const change of [
      { state: 'receiving' },
      { role: 'target' },
      { state: 'dancing' },
      { record: { ...record, name: 'another' } },
      { record: { ...record, name: '..' }, migration: { ...migration, name: '..' } },
      { record: { ...record, epoch: 2 ** 53 } },
      { migration: { ...migration, epoch: 0.5 } },
      { migration: { ...migration, epoch: 2 ** 53 } },
      { migration: { ...migration, phase: 'dancing' } },
      { migration: { ...migration, startTime: 'yesterday' } },
      { migration: { ...migration, role: 'target' } },
    ])
      refuses(signed({ ...entry, ...change }));
  });

  it('nor any text at all', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: 'binary' }), fc.json(), fc.uint8Array().map(String)), refuses),
      runs(300),
    );
  });

  it('nor one that lies under the name of another', () => {
    writeFileSync(join(directory(), 'm2.json'), entryText(entry));
    assert.throws(() => openJournal(directory()), /m2\.json is that of m1/);
  });

  it('forgets what came to nothing, for good', async () => {
    const journal = openJournal(directory());
    await journal.write(entry);
    await journal.forget('m1');
    assert.equal(journal.get('m1'), undefined);
    assert.deepEqual(openJournal(directory()).newestFirst(), []);
  });

  it('forgets old settled entries, and no other', async () => {
    const journal = openJournal(directory());
    await journal.write(entry);
    for (let number = 0; number < 203; number += 1) {
      const startTime = new Date(number * 1000).toISOString();
      await journal.write({ ...entry, settled: true, migration: { ...migration, id: `s${number}`, startTime } });
    }
    await journal.prune();
    assert.equal(journal.newestFirst().filter(({ settled }) => settled).length, 200);
    assert.equal(journal.get('s0'), undefined);
    assert.notEqual(journal.get('m1'), undefined);
  });
});
