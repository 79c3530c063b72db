import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { watchStall } from '../../../src/snapshots/watch-stall.js';

describe('a snapshot that stands still', () => {
  it('is noticed once, and not while anything is written', async () => {
    let [bytes, stalls] = [0, 0];
    const growing = setInterval(() => {
      bytes += 1;
    }, 5);
    const end = watchStall(
      () => bytes,
      200,
      () => {
        stalls += 1;
      },
    );
    await sleep(500);
    assert.equal(stalls, 0);
    clearInterval(growing);
    await sleep(1_000);
    assert.equal(stalls, 1);
    end();
  });
});
