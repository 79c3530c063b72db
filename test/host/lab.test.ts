import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { tracesOf } from '../support/traces.js';

const SCRIPT = fileURLToPath(new URL('../../scripts/lab', import.meta.url));
const NAME = 'itself';
const DIRECTORY = `/var/lib/cnvm-lab/${NAME}`;

const lab = async (...args: string[]) =>
  await execa(SCRIPT, ['--name', NAME, ...args], { stdin: 'ignore', reject: false });

/** Everything of it that the machine still has. */
function traces(): string[] {
  const groups = ['/sys/fs/cgroup', ...readdirSync('/sys/fs/cgroup').map((entry) => `/sys/fs/cgroup/${entry}`)]
    .map((hierarchy) => `${hierarchy}/cnvm-${NAME}`)
    .filter((group) => existsSync(group));
  return [...tracesOf(DIRECTORY), ...groups];
}

describe('the lab', () => {
  afterEach(async () => void (await lab('down')));

  it('up twice is harmless, and down leaves nothing, also of one that was killed midway', async () => {
    assert.equal((await lab('up', '--nodes', '2')).exitCode, 0);
    const before = (await lab('status', '--json')).stdout;
    assert.deepEqual(
      (JSON.parse(before) as { nodes: { state: string }[] }).nodes.map(({ state }) => state),
      ['up', 'up'],
    );
    const again = await lab('up', '--nodes', '2');
    assert.deepEqual([again.exitCode, (await lab('status', '--json')).stdout], [0, before]);
    const other = await lab('up', '--nodes', '3');
    assert.deepEqual([other.exitCode, /has 2 nodes/.test(other.stderr)], [1, true], other.stderr);
    assert.equal((await lab('exec', 'node1', '--', 'cnvm', 'create', 'left-behind')).exitCode, 0);
    assert.equal((await lab('exec', 'node1', '--', 'sh', '-c', 'exit 37')).exitCode, 37);
    // What an "up" that is killed leaves: some nodes, and of one only half.
    const [parent = ''] = readFileSync(`${DIRECTORY}/node2.parent.pid`, 'utf8').split(' ');
    process.kill(Number(parent), 'SIGKILL');
    const down = await lab('down');
    assert.equal(down.exitCode, 0, down.stderr);
    assert.deepEqual(traces(), []);
    assert.equal((await lab('down')).exitCode, 0);
    assert.match((await lab('status')).stderr, /is not up/);
  });

  it('refuses what it does not know', async () => {
    for (const args of [['fly'], ['up', '--nodes', 'many'], ['exec'], ['exec', 'node1']]) {
      assert.equal((await lab(...args)).exitCode, 2, args.join(' '));
    }
    assert.equal((await lab('exec', 'node1', '--', 'true')).exitCode, 1);
    assert.deepEqual(traces(), []);
  });
});
