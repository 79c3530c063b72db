import assert from 'node:assert/strict';
import { createListedNames } from '../../../src/migration/listed-names.js';

describe('the names of a tree by their inodes', () => {
  it('are found again, of many and of long ones, and all of one file', () => {
    const index = createListedNames();
    const path = (number: number) => `${'d/'.repeat(number % 200)}\xe9${number}`;
    for (let number = 0; number < 20_000; number += 1)
      index.add({ inode: 4_000_000_000 + (number % 19_999), path: path(number), changed: number === 7 });
    assert.deepEqual(index.namesOf(new Set([4_000_000_000, 4_000_012_345, 5])), [
      { inode: 4_000_000_000, path: path(0) },
      { inode: 4_000_012_345, path: path(12_345) },
      { inode: 4_000_000_000, path: path(19_999) },
    ]);
    assert.deepEqual(index.changed, [path(7)]);
  });

  it('may be the empty one, of the tree itself', () => {
    const index = createListedNames();
    index.add({ inode: 2, path: '', changed: true });
    index.add({ inode: 3, path: 'a', changed: false });
    assert.deepEqual(index.namesOf(new Set([2])), [{ inode: 2, path: '' }]);
    assert.deepEqual(index.changed, ['']);
  });
});
