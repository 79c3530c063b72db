import assert from 'node:assert/strict';
import { setImmediate } from 'node:timers/promises';
import { createSweeping } from '../../../src/migration/sweeping.js';

describe('sweeping', () => {
  function held() {
    const free: (() => void)[] = [];
    const sweeping = createSweeping(() => new Promise<void>((resolve) => void free.push(resolve)));
    return { sweeping, free };
  }

  it('is done one at a time, and once more for all who ask meanwhile', async () => {
    const { sweeping, free } = held();
    const all = [sweeping.now(), sweeping.now(), sweeping.now()];
    assert.equal(free.length, 1);
    free[0]?.();
    await setImmediate();
    assert.equal(free.length, 2);
    free[1]?.();
    await Promise.all(all);
    assert.equal(free.length, 2);
    void sweeping.now();
    assert.equal(free.length, 3);
  });

  it('is over when it is stopped, and then begins no more', async () => {
    const { sweeping, free } = held();
    void sweeping.now();
    void sweeping.now();
    const stopped = sweeping.stop();
    free[0]?.();
    await stopped;
    await sweeping.now();
    assert.equal(free.length, 1);
  });
});
