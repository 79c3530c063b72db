import assert from 'node:assert/strict';
import { createRoundOrders } from '../../../src/migration/round-orders.js';
import { createSteps } from '../../../src/migration/steps.js';

type Table = { prepare: { ask: undefined; answer: undefined } };

describe('orders of rounds', () => {
  const open = () => {
    const steps = createSteps<Table>();
    return { steps, orders: createRoundOrders(steps.failed) };
  };
  const whole = (bytes: number) => ({ bytes, broken: '' });

  it('an order that comes twice is done once, and answered the same', async () => {
    const { orders } = open();
    const answers = [orders.ask({ round: 1, parent: 0 }), orders.ask({ round: 1, parent: 0 })];
    const order = await orders.next();
    assert.deepEqual([order.round, order.parent, order.over.aborted], [1, 0, false]);
    order.answer(whole(7));
    assert.deepEqual(await Promise.all(answers), [whole(7), whole(7)]);
    assert.deepEqual(await orders.ask({ round: 1, parent: 0 }), whole(7));
    const later = orders.next();
    const second = orders.ask({ round: 2, parent: 1 });
    (await later).answer(whole(8));
    assert.deepEqual(await second, whole(8));
  });

  it('a newer one ends the one before it', async () => {
    const { orders } = open();
    const first = orders.ask({ round: 1, parent: 0 });
    const taken = await orders.next();
    const second = orders.ask({ round: 3, parent: 0 });
    assert.equal(taken.over.aborted, true);
    assert.match((await first).broken, /round 3 was ordered/);
    (await orders.next()).answer(whole(9));
    assert.deepEqual(await second, whole(9));
  });

  it('an older one, and another one of the same number, is refused', async () => {
    const { orders } = open();
    void orders.ask({ round: 3, parent: 2 });
    for (const order of [
      { round: 2, parent: 1 },
      { round: 3, parent: 0 },
    ])
      await assert.rejects(orders.ask(order), { code: 'refused', kind: 'state' });
  });

  it('a failed story fails every order', async () => {
    const { steps, orders } = open();
    const waiting = orders.ask({ round: 1, parent: 0 });
    steps.fail(new Error('full disk'));
    await assert.rejects(waiting, /full disk/);
    await assert.rejects(orders.ask({ round: 2, parent: 0 }), /full disk/);
  });

  it('none is taken after the last, but the last is answered again', async () => {
    const { orders } = open();
    const first = orders.ask({ round: 1, parent: 0 });
    (await orders.next()).answer(whole(1));
    orders.close();
    assert.deepEqual(await first, await orders.ask({ round: 1, parent: 0 }));
    await assert.rejects(orders.ask({ round: 2, parent: 1 }), /no more rounds/);
  });
});
