import assert from 'node:assert/strict';
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { type JournalEntry, openJournal, parseEntry } from '../../../src/migration/journal.js';
import { migration, record } from '../../support/samples.js';
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
    writeFileSync(join(directory(), 'm1.json'), JSON.stringify(entry).slice(0, 200));
    assert.throws(() => openJournal(directory()), /m1.json cannot be read/);
  });

  it('understands every prefix of an entry or says that it does not', () => {
    const text = JSON.stringify(entry);
    fc.assert(
      fc.property(fc.nat(text.length - 1), (length) => {
        assert.throws(() => parseEntry(text.slice(0, length), 'f'), /the journal entry f cannot be read/);
      }),
    );
    assert.throws(() => parseEntry(JSON.stringify({ ...entry, version: 2 }), 'f'), /cannot be read/);
    assert.throws(() => parseEntry(JSON.stringify({ ...entry, state: 'dancing' }), 'f'), /cannot be read/);
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
