import assert from 'node:assert/strict';
import { createLog } from '../../../src/base/log.js';
import { createLocks } from '../../../src/cnvms/locks.js';
import { openStore } from '../../../src/cnvms/store.js';
import { createHistory } from '../../../src/migration/history.js';
import { openJournal } from '../../../src/migration/journal.js';
import { sweepPorts } from '../../../src/migration/sweep-ports.js';
import { record } from '../../support/samples.js';
import { temporary } from '../../support/temporary.js';

describe('what a sweep leaves alone', () => {
  const directory = temporary();

  it('the name and the address of one that is about to run, and that no record names yet', () => {
    const journal = openJournal(`${directory()}/migrations`);
    const claims = new Map([[record.name, record]]);
    const { known } = sweepPorts({
      ...{ store: openStore(`${directory()}/cnvms`), journal, locks: createLocks(), history: createHistory(journal) },
      ...{ marks: new Map(), claims, log: createLog({ level: 'fatal', pretty: false }, {}) },
    });
    assert.ok(known().names.has(record.name));
    assert.ok(known().addresses.has(record.address));
    claims.clear();
    assert.deepEqual([...known().addresses], []);
  });
});
