import assert from 'node:assert/strict';
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { withFileLock } from '../../../src/base/file-lock.js';
import { temporary } from '../../support/temporary.js';

/** Above what any machine gives to a process. */
const NOBODY = 2 ** 30;

describe('a lock over all processes', () => {
  const directory = temporary();
  const file = () => join(directory(), 'lock');

  it('is held by one at a time, also when one that died has left it', async () => {
    for (let round = 0; round < 20; round += 1) {
      writeFileSync(file(), String(NOBODY));
      let inside = 0;
      const most: number[] = [];
      const once = async (waitMs: number) => {
        await sleep(waitMs);
        await withFileLock(file(), async () => {
          inside += 1;
          most.push(inside);
          await sleep(3);
          inside -= 1;
        });
      };
      await Promise.all(Array.from({ length: 12 }, (_, index) => once(index % 4)));
      assert.deepEqual(new Set(most), new Set([1]));
    }
    assert.deepEqual(readdirSync(directory()), []);
  }).timeout(60_000);

  it('is let go of by a power cut that left it empty, and by one whose number another process has now', async () => {
    for (const left of ['', `${process.pid} 1`]) {
      writeFileSync(file(), left);
      assert.equal(await withFileLock(file(), async () => 'done'), 'done');
    }
    assert.deepEqual(readdirSync(directory()), []);
  }).timeout(30_000);
});
