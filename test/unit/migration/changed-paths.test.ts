import assert from 'node:assert/strict';
import { maybeMoved, pathsToPull } from '../../../src/migration/changed-paths.js';
import type { Entry } from '../../../src/tools/find.js';

const directory = (path: string): Entry => ({ path, directory: true, links: 2 });
const file = (path: string, links = 1): Entry => ({ path, directory: false, links });

describe('what the last pass looks at', () => {
  it('is nothing when nothing has changed', () => {
    assert.deepEqual(maybeMoved([]), []);
    assert.equal(pathsToPull([], []), '');
  });

  it('is a file by its name, and a directory with its own entries', () => {
    const changed = [file('etc/hosts'), directory('var/log'), file('var/log/-odd\n#')];
    assert.deepEqual(maybeMoved(changed), []);
    assert.equal(pathsToPull(changed, []), './etc/hosts\0./var/log/\0./var/log/-odd\n#\0');
  });

  it('is its own root as a directory, which is never moved', () => {
    assert.deepEqual(maybeMoved([directory('')]), []);
    assert.equal(pathsToPull([directory('')], []), './\0');
  });

  it('is all that is below a directory that has changed in one that has', () => {
    const changed = [
      directory(''),
      directory('a'),
      directory('a/b'),
      directory('a/b/c'),
      directory('x/y'),
      directory('ab'),
    ];
    assert.deepEqual(maybeMoved(changed), ['a', 'ab']);
    assert.deepEqual(maybeMoved([directory('x'), directory('x/y'), directory('xy/z')]), ['x/y']);
    const paths = pathsToPull(
      [directory('x'), directory('x/y')],
      [directory('x/y'), directory('x/y/z'), file('x/y/z/f')],
    );
    assert.equal(paths, './x/\0./x/y/\0./x/y/z/\0./x/y/z/f\0');
  });

  it('cannot be told when what may have been moved holds one of the names of a file that has not changed', () => {
    const changed = [directory(''), directory('a'), file('a/new', 2), file('b/new', 2)];
    assert.equal(pathsToPull(changed, [directory('a'), file('a/old', 2)]), undefined);
    assert.notEqual(pathsToPull(changed, [directory('a'), directory('a/sub'), file('a/new', 2)]), undefined);
  });
});
