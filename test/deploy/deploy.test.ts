/**
 * From nothing to a running mesh, as a new user would: three bare machines with systemd and sshd, the deployer's entry with a
 * key and a list of hosts, a first login, a teleport under an open session, the same deployment again, reboots, a machine more,
 * and away with it. Each step goes on where the one before it ended; CNVM_TEST_KEEP=1 leaves the machines up, and takes up what
 * is up.
 */
import assert from 'node:assert/strict';
import { openLab } from '../../scripts/lib/lab.js';
import type { Terminal } from '../support/terminal.js';
import { difference, inventoryOf } from './inventory.js';
import { DEPLOY_MS, type NewUser, openNewUser } from './new-user.js';

const SHOW = process.env['CNVM_TEST_SHOW'] !== undefined;
const KEEP = process.env['CNVM_TEST_KEEP'] !== undefined;
const NAME = 'sneaker01.gonkulator.io';
const NODES = ['node1', 'node2', 'node3'] as const;
/** What a newer package says it is. */
const NEXT = '9.9.9';
const STEP_MS = 30 * 60_000;
const AT_HOME = /cnvm@node\d:~\$ $/;

const lab = openLab(process.env['CNVM_LAB'] ?? 'deploy', SHOW, 'machines');

describe('a deployment', () => {
  let user: NewUser;
  /** The first login, and in it the ssh session in the cnvm, which is to outlive all that follows. */
  let session: Terminal | undefined;
  /** What was on each machine before it was deployed to. */
  const bare = new Map<string, string[]>();

  const ownerOf = async (name: string, asked: string) =>
    (await lab.json<{ owner: string }>(asked, 'cnvm', 'inspect', name)).owner;
  async function until(words: string, look: () => Promise<boolean>): Promise<void> {
    for (const end = Date.now() + STEP_MS / 2; !(await look().catch(() => false)); )
      if (Date.now() > end) assert.fail(`it has not come to this: ${words}`);
  }
  /** Reboots it as a person would, and waits until it is a node again. */
  async function reboot(node: string): Promise<void> {
    const before = await lab.must(node, ['cat', '/proc/sys/kernel/random/boot_id']);
    await lab.run(node, ['systemctl', 'reboot']);
    await until(`${node} has been rebooted`, async () => {
      const { stdout, code } = await lab.run(node, ['cat', '/proc/sys/kernel/random/boot_id']);
      return code === 0 && stdout !== before;
    });
    await until(`${node} is a node again`, async () => (await lab.run(node, ['cnvm', 'nodes'])).code === 0);
  }
  /** What runs in the open session has gone on. */
  async function sessionLives(): Promise<void> {
    assert.ok(session, 'there is no session');
    session.type('echo "mark is ""$mark"');
    await session.seen(/mark is before/);
  }
  async function isBare(node: string): Promise<void> {
    assert.deepEqual(difference(bare.get(node) ?? [], await inventoryOf(lab, node)), [], node);
  }
  async function isMesh(nodes: readonly string[]): Promise<void> {
    for (const node of nodes) {
      const rows = await lab.json<{ name: string; facts?: { images: { name: string }[] } }[]>(node, 'cnvm', 'nodes');
      assert.deepEqual(rows.map(({ name }) => name).sort(), nodes);
      // Who does not answer has no facts.
      for (const { name, facts } of rows)
        assert.ok(
          facts?.images.some((image) => image.name === 'base'),
          name,
        );
      assert.equal((await lab.must(node, ['systemctl', 'is-active', 'cnvmd'])).trim(), 'active');
    }
  }
  /** How many tasks changed something, of each host, as Ansible counts them. */
  const changes = (output: string) => [...output.matchAll(/ok=\d+ +changed=(\d+)/g)].map(([, count]) => Number(count));

  before(async function () {
    this.timeout(DEPLOY_MS);
    user = await openNewUser(lab, SHOW, KEEP);
    if (!KEEP) await lab.down();
    await lab.up(NODES.length, '--bare');
    await user.meet(NODES);
    for (const node of NODES) bare.set(node, await inventoryOf(lab, node));
  });
  after(async function () {
    this.timeout(STEP_MS);
    user?.remove();
    if (!KEEP) await lab.down();
  });

  it('says what it would make of bare machines, and changes nothing', async () => {
    const { code, output } = await user.deployer('check');
    assert.equal(code, 0, output);
    for (const [node, address] of user.addresses)
      assert.match(output, new RegExp(`${address} would be made the node ${node} at `));
    for (const node of NODES) await isBare(node);
  }).timeout(DEPLOY_MS);

  it('makes three bare machines a mesh', async () => {
    const { code, output } = await user.deployer('deploy');
    assert.equal(code, 0, output);
    await isMesh(NODES);
  }).timeout(DEPLOY_MS);

  it('and at the first login there is the first cnvm, into which one logs in as one is told', async () => {
    session = user.login('node1');
    await session.seen(/making your first cnvm, sneaker01\.gonkulator\.io/);
    await session.seen(/ssh user@10\.100\.101\.111 +password: password/);
    await session.seen(AT_HOME);
    session.type('ssh user@10.100.101.111');
    await session.seen(/continue connecting/);
    session.type('yes');
    await session.seen(/password: ?$/);
    session.type('password');
    await session.seen(/user@sneaker01\S*\$ $/);
    session.type('mark=before');
    await sessionLives();
  }).timeout(STEP_MS);

  it('which is not made again at the next login, from which it teleports; and the ssh session lives on', async () => {
    const second = user.login('node1');
    const greeting = await second.seen(AT_HOME);
    assert.doesNotMatch(greeting, /sneaker01/);
    second.type(`teleport ${NAME} cnvm@${user.addresses.get('node2')}:/home/cnvm/sneakers`);
    const moved = await second.seen(/sneaker01\.gonkulator\.io runs on node2: frozen [^\n]*\n/);
    if (SHOW) process.stderr.write(moved);
    await second.seen(AT_HOME);
    second.type('exit');
    assert.ok(await second.end());
    await sessionLives();
    assert.equal(await ownerOf(NAME, 'node3'), 'node2');
  }).timeout(STEP_MS);

  it('changes nothing when it is made again', async () => {
    const { code, output } = await user.deployer('deploy');
    assert.equal(code, 0, output);
    assert.deepEqual(changes(output), [0, 0, 0], output);
  }).timeout(DEPLOY_MS);

  it('empties a node before its machine is rebooted, and the ssh session lives on', async () => {
    await reboot('node2');
    assert.notEqual(await ownerOf(NAME, 'node3'), 'node2');
    await sessionLives();
    await until('node2 takes cnvms again', async () => {
      const { facts } = await lab.json<{ facts: { cordon: string } }>('node2', 'cnvm', 'node');
      return facts.cordon === '';
    });
  }).timeout(STEP_MS);

  it('brings up what ran on a node that was not emptied, when it is rebooted', async () => {
    // What runs there is ended by that, so it is not the one whose cnvm the session is in, nor the one that one logged in on.
    const node = (await ownerOf(NAME, 'node1')) === 'node3' ? 'node2' : 'node3';
    await lab.must(node, ['systemctl', 'disable', '--now', 'cnvm-evacuate']);
    await lab.must(node, ['cnvm', 'create', 'stays01']);
    await lab.must(node, ['cnvm', 'create', 'rests01', '--no-start']);
    await reboot(node);
    const state = async (name: string) =>
      (await lab.json<{ owner: string; state: string }>(node, 'cnvm', 'inspect', name)).state;
    await until('stays01 runs again', async () => (await state('stays01')) === 'CNVM_STATE_RUNNING');
    assert.equal(await state('rests01'), 'CNVM_STATE_STOPPED');
    assert.equal(await ownerOf('stays01', 'node1'), node);
    await lab.must(node, ['systemctl', 'enable', '--now', 'cnvm-evacuate']);
    await sessionLives();
  }).timeout(STEP_MS);

  it('takes in a fourth machine by the same command', async () => {
    await lab.up(NODES.length + 1, '--bare');
    await user.meet(['node4']);
    bare.set('node4', await inventoryOf(lab, 'node4'));
    const { code, output } = await user.deployer('deploy');
    assert.equal(code, 0, output);
    await isMesh([...NODES, 'node4']);
    await sessionLives();
  }).timeout(DEPLOY_MS);

  it('brings a newer version, one node after the other, and the ssh session lives on', async () => {
    await user.bringVersion(NEXT);
    const { code, output } = await user.deployer('deploy');
    assert.equal(code, 0, output);
    for (const node of user.addresses.keys()) {
      assert.equal((await lab.must(node, ['cnvm', '--version'])).trim(), NEXT);
      const { facts } = await lab.json<{ facts: { version: string; cordon: string } }>(node, 'cnvm', 'node');
      assert.deepEqual([facts.version, facts.cordon], [NEXT, ''], node);
    }
    await sessionLives();
  }).timeout(DEPLOY_MS);

  it('is not taken away with cnvms that nobody has asked to lose', async () => {
    const { code, output } = await user.deployer('uninstall');
    assert.equal(code, 1);
    assert.match(output, /has the cnvms [^\n]*, and nothing was changed/);
  }).timeout(DEPLOY_MS);

  it('leaves no trace when it is taken away', async () => {
    const { code, output } = await user.deployer('uninstall', '-e cnvm_remove_cnvms=true');
    assert.equal(code, 0, output);
    for (const node of user.addresses.keys()) await isBare(node);
  }).timeout(DEPLOY_MS);
});
