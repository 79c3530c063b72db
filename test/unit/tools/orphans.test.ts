import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { endOrphans, findOrphans, GENTLE_VARIABLE, OWNER_VARIABLE } from '../../../src/tools/orphans.js';
import { temporary } from '../../support/temporary.js';

describe('programs of a dead daemon', () => {
  const owner = `/test/${process.pid}`;
  const directory = temporary();
  const started: ChildProcess[] = [];

  async function start(command: string, environment: Record<string, string>): Promise<ChildProcess> {
    const child = spawn('sh', ['-c', `echo; ${command}`], {
      env: { PATH: process.env['PATH'], ...environment },
      detached: true,
      // Not node's socket: a bash whose input is one takes itself for a remote shell, and reads its user's .bashrc.
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    started.push(child);
    await once(child.stdout, 'data');
    // While it becomes another program it shows none.
    const become = () => readFileSync(`/proc/${child.pid}/cmdline`, 'utf8').startsWith('sleep');
    while (command.startsWith('exec ') && !become()) await sleep(5);
    return child;
  }

  afterEach(() => {
    for (const { pid = 0 } of started.splice(0)) {
      try {
        // The group: its children are ours, too.
        process.kill(-pid, 'SIGKILL');
      } catch {
        // The test has ended it.
      }
    }
  });

  it('are known by their mark, and so are their children', async () => {
    await start('sleep 60 & wait', { [OWNER_VARIABLE]: owner });
    await start('exec sleep 60', { [OWNER_VARIABLE]: `${owner}0` });
    await start('sleep 60', {});
    // A child is its parent's image for a moment, before it becomes what it is to be.
    for (let tries = 0; findOrphans(owner).filter(({ command }) => command === 'sleep 60').length === 0; tries += 1) {
      assert.ok(tries < 500, 'the child did not come about');
      await sleep(10);
    }
    const found = findOrphans(owner);
    assert.deepEqual(found.map(({ command }) => command.split(' ')[0]).sort(), ['sh', 'sleep']);
  });

  it('are known by where they work when they are a criu that has written over its mark, and are as gentle', async () => {
    const runDir = directory();
    mkdirSync(join(runDir, 'criu', 'a'), { recursive: true });
    copyFileSync('/bin/sleep', join(runDir, 'criu', 'a', 'criu'));
    const become = (title: string) => `cd ${runDir}/criu/a && exec bash -c 'exec -a "${title}" ./criu 60'`;
    await start(become('criu: dump --rpc -t 1'), {});
    await start(become('criu: restore --rpc'), {});
    // One of somebody else, who has a mark, and one that is no criu.
    await start(become('criu: restore --rpc').replace('./criu', './criu 60 ; exec sleep'), {
      [OWNER_VARIABLE]: 'other',
    });
    const found = () => findOrphans(runDir).map(({ command, gentle }) => [command.split(' ')[1], gentle]);
    for (let tries = 0; found().length < 2; tries += 1) {
      assert.ok(tries < 500, 'they did not come about');
      await sleep(10);
    }
    assert.deepEqual(found().sort(), [
      ['dump', 'dump'],
      ['restore', 'restore'],
    ]);
  });

  it('are ended, and nothing else is', async () => {
    await start('sleep 60 & sleep 60', { [OWNER_VARIABLE]: owner });
    await start('exec sleep 60', { [OWNER_VARIABLE]: `${owner}0` });
    assert.deepEqual(await endOrphans(owner, 5_000), []);
    assert.equal(findOrphans(`${owner}0`).length, 1);
  });

  it('are waited for where they hold processes of a cnvm', async () => {
    const gentle = { [OWNER_VARIABLE]: owner, [GENTLE_VARIABLE]: 'dump' };
    const child = await start('exec sleep 0.3', gentle);
    const exited = once(child, 'exit');
    assert.deepEqual(await endOrphans(owner, 5_000), []);
    assert.deepEqual(await exited, [0, null], 'it was killed');
    await start('exec sleep 60', gentle);
    assert.deepEqual(
      (await endOrphans(owner, 200)).map(({ command }) => command),
      ['sleep 60'],
    );
  });

  it('are ended, after a while, where they restore one', async () => {
    await start('exec sleep 60', { [OWNER_VARIABLE]: owner, [GENTLE_VARIABLE]: 'restore' });
    assert.deepEqual(await endOrphans(owner, 100), []);
  });
});
