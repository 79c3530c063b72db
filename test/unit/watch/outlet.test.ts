import assert from 'node:assert/strict';
import { createOutlet } from '../../../src/watch/outlet.js';

const never = new AbortController().signal;

describe('an outlet', () => {
  it('gives what was put in, in order, and waits when there is nothing', async () => {
    const outlet = createOutlet<number>(10);
    outlet.put(1);
    outlet.put(2);
    assert.deepEqual(await outlet.next(never), { item: 1 });
    assert.deepEqual(await outlet.next(never), { item: 2 });
    const next = outlet.next(never);
    outlet.put(3);
    assert.deepEqual(await next, { item: 3 });
  });

  it('keeps of what comes under one key the latest, where the first was', async () => {
    const outlet = createOutlet<number>(10);
    outlet.put(1, 'progress');
    outlet.put(2);
    outlet.put(3, 'progress');
    assert.deepEqual([await outlet.next(never), await outlet.next(never)], [{ item: 3 }, { item: 2 }]);
  });

  it('holds so many at most, and says first how many were lost since', async () => {
    const outlet = createOutlet<number>(3);
    for (let item = 1; item <= 10; item += 1) outlet.put(item);
    assert.deepEqual(await outlet.next(never), { lost: 10 });
    outlet.put(11);
    assert.deepEqual(await outlet.next(never), { item: 11 });
  });

  it('is left at once when the signal fires', async () => {
    const gone = new AbortController();
    const waiting = createOutlet<number>(3).next(gone.signal);
    gone.abort(new Error('gone'));
    await assert.rejects(waiting, /gone/);
  });
});
