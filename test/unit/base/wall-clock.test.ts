import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { watchWallClock } from '../../../src/base/wall-clock.js';

describe('the wall clock', () => {
  const { now } = Date;
  afterEach(() => {
    Date.now = now;
  });

  it('that goes as it should was not set', async () => {
    const wasSet = watchWallClock();
    await sleep(60);
    assert.equal(wasSet(), false);
  });

  for (const ms of [-3_600_000, -100, 100, 3_600_000]) {
    it(`that jumps by ${ms} ms was set`, () => {
      const wasSet = watchWallClock();
      Date.now = () => now() + ms;
      assert.equal(wasSet(), true);
    });
  }
});
