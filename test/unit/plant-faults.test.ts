import assert from 'node:assert/strict';
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Journal, JournalEntry } from '../../src/migration/journal.js';
import { gateJournal } from '../../src/plant-faults.js';
import { temporary } from '../support/temporary.js';

describe('a gate at the journal', () => {
  const directory = temporary();
  const entry = { state: 'frozen' } as JournalEntry;

  for (const [moment, writtenAtTheGate] of [
    ['before', 0],
    ['after', 1],
  ] as const) {
    it(`${moment} a state stops the first write of it until it is opened, and no second one`, async () => {
      const gate = join(directory(), `journal-frozen-${moment}`);
      let written = 0;
      const disk = {
        async write() {
          written += 1;
        },
      } as unknown as Journal;
      const journal = gateJournal(disk, directory());
      await journal.write({ ...entry, state: 'begun' } as JournalEntry);
      written = 0;
      writeFileSync(gate, '');
      const writing = journal.write(entry);
      while (!existsSync(`${gate}.reached`)) await new Promise((resolve) => setTimeout(resolve, 1));
      assert.ok(!existsSync(gate));
      assert.equal(written, writtenAtTheGate);
      rmSync(`${gate}.reached`);
      await writing;
      assert.equal(written, 1);
      await journal.write(entry);
      assert.equal(written, 2);
    });
  }
});
