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
      const running = script(place());
      await hold.held;
      hold.decide(verdict);
      hold.decide(verdict === 'commit' ? 'roll-back' : 'commit');
      assert.equal((await running).exitCode, code, verdict);
      await hold.close();
      assert.ok(!existsSync(place()));
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
    await hold.held;
    await hold.close();
    assert.notEqual((await running).exitCode, 0);
  });

  it('is released by the next daemon', async () => {
    const hold = await openHold(place());
    const running = script(place());
    await hold.held;
    await releaseHold(place());
    hold.decide('roll-back');
    assert.notEqual((await running).exitCode, 0);
    await hold.close();
  });
});
