import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { holdScript, openHold, releaseHold } from '../../../src/cnvms/hold.js';
import { temporary } from '../../support/temporary.js';

/** As criu calls it. */
const script = (directory: string, action = 'post-dump') =>
  execa(holdScript(directory), [], { env: { CRTOOLS_SCRIPT_ACTION: action }, reject: false, timeout: 5_000 });

describe('the hold', () => {
  const directory = temporary();
  const place = () => join(directory(), 'hold');

  it('waits for the verdict: commit is 0, anything else is not', async () => {
    for (const [verdict, code] of [
      ['commit', 0],
      ['roll-back', 1],
    ] as const) {
      const hold = await openHold(place());
      hold.begin();
      assert.equal((await script(place(), 'pre-dump')).exitCode, 0);
      const running = script(place());
      await hold.held;
      hold.decide(verdict);
      hold.decide(verdict === 'commit' ? 'roll-back' : 'commit');
      assert.equal((await running).exitCode, code, verdict);
      await hold.close();
      assert.ok(!existsSync(place()));
    }
  });

  it('keeps criu from beginning until it is told, and for good when it is called off', async () => {
    const hold = await openHold(place());
    const waiting = script(place(), 'pre-dump');
    await hold.ready;
    hold.begin();
    assert.equal((await waiting).exitCode, 0);
    await hold.close();
    const other = await openHold(place());
    const given = script(place(), 'pre-dump');
    await other.ready;
    other.decide('roll-back');
    other.begin();
    assert.equal((await given).exitCode, 1);
    await other.close();
  });

  it('gives the same answer at once when criu runs it twice for one stage, as 4.1 does', async () => {
    for (const [verdict, code] of [
      ['commit', 0],
      ['roll-back', 1],
    ] as const) {
      const hold = await openHold(place());
      let isHeld = false;
      hold.held.then(
        () => (isHeld = true),
        () => undefined,
      );
      const twice = async (action: string) => [
        (await script(place(), action)).exitCode,
        (await script(place(), action)).exitCode,
      ];
      try {
        hold.begin();
        assert.deepEqual(await twice('pre-dump'), [0, 0]);
        assert.equal(isHeld, false);
        const running = twice('post-dump');
        await hold.held;
        hold.decide(verdict);
        assert.deepEqual(await running, [code, code], verdict);
      } finally {
        await hold.close();
      }
    }
  });

  it('lets every other stage pass', async () => {
    const hold = await openHold(place());
    assert.equal((await script(place(), 'network-lock')).exitCode, 0);
    await hold.close();
  });

  it('rolls back when the daemon goes away, before or while it waits', async () => {
    const hold = await openHold(place());
    const running = script(place());
    await hold.ready;
    await hold.close();
    assert.notEqual((await running).exitCode, 0);
  });

  it('is released by the next daemon', async () => {
    const hold = await openHold(place());
    const running = script(place());
    await hold.ready;
    await releaseHold(place());
    hold.decide('roll-back');
    assert.notEqual((await running).exitCode, 0);
    await hold.close();
  });
});
