import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { abortable } from '../../../src/base/abortable.js';
import { writeFileAtomic } from '../../../src/base/atomic-file.js';
import { createUndo } from '../../../src/base/undo.js';
import { temporary } from '../../support/temporary.js';

describe('undo', () => {
  it('takes back newest first, once, and a failure keeps nothing from being taken back', async () => {
    const done: string[] = [];
    const undo = createUndo((what) => done.push(`could not ${what}`));
    undo.add('a', () => void done.push('a'));
    undo.add('b', () => Promise.reject(new Error('no')));
    undo.add('c', () => void done.push('c'));
    assert.deepEqual(await undo.run(), ['b']);
    assert.deepEqual(done, ['c', 'could not b', 'a']);
    assert.deepEqual(await undo.run(), []);
    assert.equal(done.length, 3);
  });

  it('forgets when the thing is done for good', async () => {
    const undo = createUndo(assert.fail);
    undo.add('a', assert.fail);
    undo.clear();
    await undo.run();
  });
});

describe('a wait that can be given up', () => {
  it('ends with the signal, though the work goes on', async () => {
    const abort = new AbortController();
    const never = new Promise<void>(() => undefined);
    setTimeout(() => abort.abort(new Error('called off')), 5);
    await assert.rejects(abortable(never, abort.signal), /called off/);
    await assert.rejects(abortable(Promise.resolve(1), abort.signal), /called off/);
  });
  it('gives what the work gives', async () =>
    assert.equal(await abortable(Promise.resolve(1), new AbortController().signal), 1));
});

describe('an atomic file', () => {
  const directory = temporary();
  it('is the new one or the old one, and leaves no other', async () => {
    const file = join(directory(), 'f');
    await writeFileAtomic(file, 'one');
    await writeFileAtomic(file, 'two');
    assert.equal(readFileSync(file, 'utf8'), 'two');
    const taken = join(directory(), 'taken');
    mkdirSync(join(taken, 'x'), { recursive: true });
    await assert.rejects(writeFileAtomic(taken, 'three'));
    assert.deepEqual(readdirSync(directory()).sort(), ['f', 'taken']);
  });
});
