import assert from 'node:assert/strict';
import { chmodSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { closedOnTheWay } from '../../../src/tools/passable.js';
import { temporary } from '../../support/temporary.js';

describe('the way to a path', () => {
  const directory = temporary();

  it('is closed at the uppermost directory that only some may pass, and at the last', () => {
    const within = join(directory(), 'a', 'b');
    mkdirSync(within, { recursive: true });
    chmodSync(join(directory(), 'a'), 0o750);
    chmodSync(within, 0o700);
    // What temporary directories are made with.
    assert.equal(closedOnTheWay(within), directory());
    chmodSync(directory(), 0o711);
    assert.equal(closedOnTheWay(within), join(directory(), 'a'));
    chmodSync(join(directory(), 'a'), 0o755);
    assert.equal(closedOnTheWay(within), within);
    chmodSync(within, 0o701);
    assert.equal(closedOnTheWay(within), undefined);
  });

  it('is open where nothing is yet: what is made there is open', () => {
    chmodSync(directory(), 0o755);
    assert.equal(closedOnTheWay(join(directory(), 'later', 'still later')), undefined);
    assert.equal(closedOnTheWay('/'), undefined);
  });
});
