/**
 * From nothing to a running mesh, as a new user would: three bare machines with systemd and sshd, the deployer's entry with a
 * key and a list of hosts, a first login, a teleport under an open session, the same deployment again, and away with it.
 */
import assert from 'node:assert/strict';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { openLab } from '../../scripts/lib/lab.js';
import { openShell } from '../../scripts/lib/shell-session.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const LAB = process.env['CNVM_LAB'] ?? 'deploy';
const SHOW = process.env['CNVM_TEST_SHOW'] !== undefined;
const NAME = 'sneaker01.gonkulator.io';
const ADDRESS = '10.100.101.111';
const NODES = ['node1', 'node2', 'node3'] as const;
/** Hundreds of steps on three machines that are emulated by two processors. */
const DEPLOY_MS = 40 * 60_000;

const lab = openLab(LAB, SHOW, 'machines');

interface Ended {
  readonly code: number;
  readonly output: string;
}

describe('a deployment', () => {
  let directory = '';
  const addresses: string[] = [];

  async function deployer(action: string, more = ''): Promise<Ended> {
    const { stdout } = await execa(join(ROOT, 'scripts/vmlab'), ['--name', LAB, 'status', '--json']);
    const { nodes } = JSON.parse(stdout) as { nodes: { address: string }[] };
    addresses.splice(0, addresses.length, ...nodes.map(({ address }) => address));
    const argv = ['--name', LAB, 'exec', 'outside', '--', join(ROOT, 'scripts/lib/run-deployer'), directory, action];
    // Emulated time is slow: what calls a thing off waits longer, as on the other machines of the lab.
    const slow = '{"cnvm_config":{"limits":{"patience":20,"stall":300,"restore":900}}}';
    const env = { NODES: addresses.join(), ANSIBLE_ARGS: `-e ${slow} ${more}` };
    const result = await execa(join(ROOT, 'scripts/vmlab'), argv, {
      reject: false,
      all: true,
      timeout: DEPLOY_MS,
      env,
    });
    if (SHOW) process.stderr.write(`${result.all}\n`);
    return { code: result.exitCode ?? -1, output: result.all };
  }
  /** A login as somebody types it: on a terminal, with the key that deployed. */
  const login = (node: string, ...command: string[]) => {
    const known = ['StrictHostKeyChecking=no', 'UserKnownHostsFile=/dev/null', 'LogLevel=ERROR'];
    const options = known.flatMap((one) => ['-o', one]);
    const to = `cnvm@${addresses[NODES.indexOf(node as (typeof NODES)[number])] ?? ''}`;
    const ssh = ['ssh', '-F', 'none', '-tt', ...options, '-i', join(directory, 'keys/priv'), to, ...command];
    return execa(join(ROOT, 'scripts/vmlab'), ['--name', LAB, 'exec', 'outside', '--', ...ssh], {
      ...{ reject: false, all: true, timeout: 10 * 60_000 },
      // Typed when there is a prompt, or before: the shell reads it when it gets to it.
      input: command.length === 0 ? 'exit\n' : '',
    });
  };

  before(async function () {
    this.timeout(DEPLOY_MS);
    directory = mkdtempSync(join(tmpdir(), 'cnvm-deploy-'));
    mkdirSync(join(directory, 'keys'));
    const { stdout } = await execa(join(ROOT, 'scripts/package'), [directory]);
    copyFileSync(stdout.trim(), join(directory, 'cnvm.deb'));
    await execa('bash', ['-ec', '. scripts/lib/deployer.sh; deployer_root; base_image'], { cwd: ROOT });
    await lab.down();
    await lab.up(NODES.length, '--bare');
    const key = `/var/lib/cnvm-vmlab/${LAB}/ssh/user`;
    copyFileSync(key, join(directory, 'keys/priv'));
    copyFileSync(`${key}.pub`, join(directory, 'keys/pub'));
  });
  after(async function () {
    this.timeout(5 * 60_000);
    rmSync(directory, { recursive: true, force: true });
    if (process.env['CNVM_TEST_KEEP'] === undefined) await lab.down();
  });

  it('makes three bare machines a mesh', async () => {
    const { code, output } = await deployer('deploy');
    assert.equal(code, 0, output);
    for (const node of NODES) {
      const rows = await lab.json<{ name: string; reach: string }[]>(node, 'cnvm', 'nodes');
      assert.deepEqual(rows.map(({ name }) => name).sort(), NODES);
      assert.ok(rows.every(({ reach }) => reach !== 'NODE_REACH_DOWN'));
      const images = await lab.json<{ names: string[] }[]>(node, 'cnvm', 'image', 'ls');
      assert.ok(images.some(({ names }) => names.includes('base')));
      assert.equal((await lab.must(node, ['systemctl', 'is-active', 'cnvmd'])).trim(), 'active');
    }
  }).timeout(DEPLOY_MS);

  it('and at the first login there is the first cnvm', async () => {
    const { all } = await login('node1');
    assert.match(all ?? '', /making your first cnvm, sneaker01\.gonkulator\.io/);
    assert.match(all ?? '', /ssh user@10\.100\.101\.111 +password: password/);
    const second = await login('node1');
    assert.doesNotMatch(second.all ?? '', /sneaker01/);
  }).timeout(20 * 60_000);

  it('which teleports from a second login, and the ssh session lives on', async () => {
    const shell = await openShell(lab, 'node1', ADDRESS);
    await shell.type('mark=before');
    const moved = await login('node1', 'teleport', NAME, `cnvm@${addresses[1]}:/home/cnvm/sneakers`);
    assert.equal(moved.exitCode, 0, moved.all);
    assert.equal(await shell.type('echo $mark'), 'before');
    await shell.close();
    assert.equal((await lab.json<{ owner: string }>('node3', 'cnvm', 'inspect', NAME)).owner, 'node2');
  }).timeout(20 * 60_000);

  it('changes nothing when it is made again', async () => {
    const { code, output } = await deployer('deploy');
    assert.equal(code, 0, output);
    const recap = [...output.matchAll(/ok=\d+ +changed=(\d+)/g)].map(([, changed]) => Number(changed));
    assert.equal(recap.length, NODES.length);
    assert.deepEqual(recap, [0, 0, 0], output);
  }).timeout(DEPLOY_MS);

  it('is not taken away with cnvms that nobody has asked to lose', async () => {
    const { code, output } = await deployer('uninstall');
    assert.equal(code, 1);
    assert.match(output, /has the cnvms sneaker01\.gonkulator\.io, and nothing was changed/);
  }).timeout(DEPLOY_MS);

  it('leaves no trace when it is taken away', async () => {
    const { code, output } = await deployer('uninstall', '-e cnvm_remove_cnvms=true');
    assert.equal(code, 0, output);
    for (const node of NODES) {
      const look =
        'ls -d /etc/cnvm /var/lib/cnvm /run/cnvm /home/cnvm /usr/bin/cnvmd /sys/fs/cgroup/cnvm 2>/dev/null; ' +
        'id cnvm 2>/dev/null; nft list tables; ip -o link | grep -E "wgcnvm|fwcnvm"; findmnt -rno TARGET | grep cnvm; true';
      assert.equal((await lab.must(node, ['sh', '-c', look])).trim(), '', node);
    }
  }).timeout(DEPLOY_MS);
});
