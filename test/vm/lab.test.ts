import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { tracesOf } from '../support/traces.js';

const SCRIPT = fileURLToPath(new URL('../../scripts/vmlab', import.meta.url));
const NAME = 'itself';
const DIRECTORY = `/var/lib/cnvm-vmlab/${NAME}`;

const vmlab = async (...args: string[]) =>
  await execa(SCRIPT, ['--name', NAME, ...args], { stdin: 'ignore', reject: false });
const stateOf = async () =>
  (JSON.parse((await vmlab('status', '--json')).stdout) as { nodes: { state: string }[] }).nodes.map(
    ({ state }) => state,
  );

describe('the VM lab', () => {
  afterEach(async () => void (await vmlab('down')));

  it('up twice is harmless, a machine that was killed starts anew, and down leaves nothing', async () => {
    const up = await vmlab('up', '--nodes', '1');
    assert.equal(up.exitCode, 0, up.stderr);
    assert.deepEqual(await stateOf(), ['up']);
    const before = (await vmlab('status', '--json')).stdout;
    assert.equal((await vmlab('up', '--nodes', '1')).exitCode, 0);
    assert.equal((await vmlab('status', '--json')).stdout, before);
    const systemd = await vmlab('up', '--nodes', '1', '--systemd');
    assert.deepEqual([systemd.exitCode, /another init/.test(systemd.stderr)], [1, true], systemd.stderr);
    assert.equal((await vmlab('exec', 'node1', '--', 'sh', '-c', 'exit 37')).exitCode, 37);
    // Its words arrive as they are, whatever a shell would make of them.
    const words = ['a b', "c'd", '$HOME', '*', 'e\nf', ''];
    assert.equal(
      (await vmlab('exec', 'node1', '--', 'printf', '<%s>', ...words)).stdout,
      words.map((w) => `<${w}>`).join(''),
    );
    assert.equal((await vmlab('exec', 'node1', '--', 'touch', '/forgotten')).exitCode, 0);
    process.kill(Number(readFileSync(`${DIRECTORY}/node1.pid`, 'utf8').split(' ')[0]), 'SIGKILL');
    while ((await stateOf())[0] !== 'down') await sleep(100);
    assert.equal((await vmlab('exec', 'node1', '--', 'true')).exitCode, 1);
    assert.equal((await vmlab('up', '--nodes', '1')).exitCode, 0);
    assert.equal((await vmlab('exec', 'node1', '--', 'test', '-e', '/forgotten')).exitCode, 1);
    const down = await vmlab('down');
    assert.equal(down.exitCode, 0, down.stderr);
    assert.deepEqual(tracesOf(DIRECTORY), []);
    assert.equal((await vmlab('down')).exitCode, 0);
  });

  it('refuses what it does not know', async () => {
    for (const args of [['fly'], ['up', '--nodes', 'many'], ['up', '--with-engines'], ['exec'], ['exec', 'node1']]) {
      assert.equal((await vmlab(...args)).exitCode, 2, args.join(' '));
    }
    assert.equal((await vmlab('exec', 'node1', '--', 'true')).exitCode, 1);
    assert.deepEqual(tracesOf(DIRECTORY), []);
  });
});
