import assert from 'node:assert/strict';
import { lstatSync, mkdirSync, readdirSync, renameSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { lookAgain } from '../../../src/migration/disk-watch.js';
import { createListedNames } from '../../../src/migration/listed-names.js';
import { temporary } from '../../support/temporary.js';

const LAG_MS = 100;

describe('a disk that was watched', () => {
  const root = temporary();
  const at = (path: string) => join(root(), path);
  const inode = (path: string) => lstatSync(at(path)).ino;
  /** After what is there, and before what comes: a file's time may lag behind the clock, on a busy machine by more than a tick. */
  const since = async (): Promise<number> => {
    await sleep(2 * LAG_MS);
    return Date.now() - LAG_MS;
  };

  function listed() {
    const index = createListedNames();
    const add = (path: string) => {
      index.add({ inode: inode(path), path, changed: false });
      if (lstatSync(at(path)).isDirectory())
        for (const name of readdirSync(at(path))) add(path === '' ? name : `${path}/${name}`);
    };
    add('');
    return index;
  }
  function fill(): void {
    for (const path of ['a/b/c', 'd/e', 'f']) mkdirSync(at(path), { recursive: true });
    for (const path of ['a/1', 'a/b/2', 'a/b/c/3', 'd/4', 'd/e/5', 'f/6']) writeFileSync(at(path), path);
  }
  const told = async (sinceMs: number, index: ReturnType<typeof listed>, inodes: readonly number[]) =>
    (await lookAgain(root(), sinceMs, index, new Set(inodes))).map(({ path }) => path).sort();

  it('is told by the names of what has changed, and by their times', async () => {
    fill();
    const index = listed();
    const [sinceMs, one, two] = [await since(), inode('a/1'), inode('d/4')];
    writeFileSync(at('a/1'), 'other');
    // It was only written out.
    assert.deepEqual(await told(sinceMs, index, [one, two]), ['a/1']);
    utimesSync(at('a/1'), 1, 1);
    assert.deepEqual(await told(sinceMs, index, [one, two]), ['a/1']);
  });

  it('is looked at where a directory has changed: what is new in it, down to the bottom', async () => {
    fill();
    const index = listed();
    const [sinceMs, a] = [await since(), inode('a')];
    mkdirSync(at('a/new/deep'), { recursive: true });
    writeFileSync(at('a/new/deep/7'), '7');
    rmSync(at('a/1'));
    assert.deepEqual(await told(sinceMs, index, [a]), ['a', 'a/new', 'a/new/deep', 'a/new/deep/7']);
  });

  it('is looked at through a directory that was moved, though nothing in it has changed since the list was made', async () => {
    fill();
    const sinceMs = await since();
    writeFileSync(at('a/b/c/3'), 'other');
    const index = listed();
    renameSync(at('a/b'), at('d/moved'));
    const inodes = ['a', 'd', 'd/moved'].map(inode);
    assert.deepEqual(await told(sinceMs, index, inodes), ['a', 'd', 'd/moved', 'd/moved/c/3']);
    // Its own times may not show it.
    assert.deepEqual(await told(sinceMs, index, inodes.slice(0, 2)), ['a', 'd', 'd/moved', 'd/moved/c/3']);
  });

  it('is not looked at through a link that has taken the place of a directory', async () => {
    fill();
    const index = listed();
    const [sinceMs, file] = [await since(), inode('d/e/5')];
    writeFileSync(at('d/e/5'), 'other');
    renameSync(at('d'), at('f/d'));
    symlinkSync('f/d', at('d'));
    assert.deepEqual(await told(sinceMs, index, [file]), []);
    const all = ['', 'f', 'f/d'].map(inode);
    assert.deepEqual(await told(sinceMs, index, [file, ...all]), ['', 'd', 'f', 'f/d', 'f/d/e/5']);
  });

  it('is not told when too much may have changed', async () => {
    fill();
    const index = { changed: Array.from({ length: 50_001 }, (_, number) => `x${number}`), namesOf: () => [] };
    await assert.rejects(lookAgain(root(), 0, index, new Set()), /more than 50000 names may have changed/);
  });
});
