import assert from 'node:assert/strict';
import { createSteps } from '../../../src/migration/steps.js';

type Table = { seed: { ask: undefined; answer: number }; handOver: { ask: number; answer: string } };

describe('steps', () => {
  it('a call that comes twice is done once and answered the same', async () => {
    const steps = createSteps<Table>();
    let done = 0;
    const story = (async () => {
      const epoch = await steps.until('handOver', 1000);
      done += 1;
      steps.done('handOver', `epoch ${epoch}`);
    })();
    const answers = await Promise.all([steps.ask('handOver', 4), steps.ask('handOver', 4)]);
    await story;
    assert.deepEqual(answers, ['epoch 4', 'epoch 4']);
    assert.equal(await steps.ask('handOver', 4), 'epoch 4');
    assert.equal(done, 1);
  });

  it('a call may come before the story is there', async () => {
    const steps = createSteps<Table>();
    const answer = steps.ask('seed', undefined);
    await steps.until('seed', 1000);
    steps.done('seed', 7);
    assert.equal(await answer, 7);
  });

  it('a failed story fails every call, those to come too', async () => {
    const steps = createSteps<Table>();
    const waiting = steps.ask('seed', undefined);
    steps.fail(new Error('full disk'));
    await assert.rejects(waiting, /full disk/);
    await assert.rejects(steps.ask('handOver', 1), /full disk/);
    await assert.rejects(steps.until('handOver', 1000), /full disk/);
  });

  it('a failure does not change what has been answered', async () => {
    const steps = createSteps<Table>();
    steps.done('seed', 7);
    steps.fail(new Error('later'));
    assert.equal(await steps.ask('seed', undefined), 7);
  });

  it('a silent source is given up', async () => {
    const steps = createSteps<Table>();
    await assert.rejects(steps.until('seed', 20), /silent for 0.02 s before "seed"/);
  });

  it('with patience a silent source is given up later', async () => {
    const steps = createSteps<Table>(3);
    await assert.rejects(steps.until('seed', 20), /silent for 0.06 s before "seed"/);
  });
});
