import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { findMarked } from '../../../src/tools/orphans.js';
import { RESTORE_VARIABLE, whileCriuLives } from '../../../src/tools/restore-watch.js';
import { temporary } from '../../support/temporary.js';

/** A look each 20 ms. */
const PATIENCE = 0.02;
/** Many looks. */
const LONG_MS = 400;

describe('a restore that takes its time', () => {
  const directory = temporary();
  const belonging = () => ({ mark: `${RESTORE_VARIABLE}=watched-${process.pid}`, workDir: join(directory(), 'work') });

  /**
   * A program called runc that has started one called criu. What criu itself makes of its arguments and its environment, it
   * has been given.
   */
  async function startRunc(): Promise<ChildProcess> {
    const at = (program: string) => join(directory(), program);
    copyFileSync('/bin/bash', at('runc'));
    copyFileSync('/bin/sleep', at('criu'));
    const title = 'criu: restore --rpc -D /run/cnvm/migrations/m/images';
    const { mark, workDir } = belonging();
    mkdirSync(workDir);
    const criuRuns = `(cd '${workDir}'; unset ${RESTORE_VARIABLE}; exec -a '${title}' '${at('criu')}' 60)`;
    // As if it had been left behind by the criu that forked it.
    const left = `(echo criu >/proc/$BASHPID/comm; while :; do read -rt 1 <><(:); done)`;
    const child = spawn(at('runc'), ['-c', `${left} & ${criuRuns} & wait; exec sleep 60`], {
      env: { PATH: process.env['PATH'], [RESTORE_VARIABLE]: mark.split('=')[1] },
      stdio: 'ignore',
      detached: true,
    });
    while (criu() === undefined) await sleep(5);
    return child;
  }

  const criu = () => findMarked(belonging()).find(({ command }) => command.startsWith('criu: '));

  it('goes on while its criu lives, whatever that calls itself, and is broken off when it has died', async () => {
    const runc = await startRunc();
    const exited = once(runc, 'exit');
    try {
      let broken = false;
      const watched = whileCriuLives(belonging(), PATIENCE, async (signal) => {
        signal.addEventListener('abort', () => {
          broken = true;
        });
        await sleep(LONG_MS);
        assert.ok(!broken, 'it was broken off');
        // bash would go on as the one that starts nothing, so its name is looked for in time.
        process.kill(criu()?.pid ?? 0, 'SIGSTOP');
        await sleep(LONG_MS);
        assert.ok(!broken, 'a criu that stands still is none that has died');
        runc.kill('SIGSTOP');
        process.kill(criu()?.pid ?? 0, 'SIGKILL');
        await sleep(LONG_MS);
      });
      await watched;
      assert.ok(broken, 'it was not broken off');
    } finally {
      // The group: what it has started is ours, too.
      process.kill(-(runc.pid ?? 0), 'SIGKILL');
      await exited;
    }
  });
});
