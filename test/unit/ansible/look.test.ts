/** What the playbooks see of a machine before they change it: fake machines in directories, and every reason for a no. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { temporary } from '../../support/temporary.js';

const ANSIBLE = fileURLToPath(new URL('../../../ansible/', import.meta.url));

interface Look {
  readonly reasons: string[];
  readonly name: string;
  readonly overlay: string;
  readonly new_criu: boolean;
  readonly authority: boolean;
  readonly member: boolean;
}

/** Each is a process of its own; a busy machine starts them slowly. */
const SLOW_MS = 60_000;

describe('a host that is looked at', () => {
  const directory = temporary();
  const put = (file: string, text: string) => {
    mkdirSync(dirname(join(directory(), file)), { recursive: true });
    writeFileSync(join(directory(), file), text);
  };
  beforeEach(() => {
    put('etc/os-release', 'ID=debian\nVERSION_ID="13"\nPRETTY_NAME="Debian GNU/Linux 13 (trixie)"\n');
    put('proc/meminfo', 'MemTotal:       2048000 kB\n');
    put('proc/sys/user/max_user_namespaces', '1000\n');
    for (const name of ['run/systemd/system', 'var/lib/dpkg', 'home'])
      mkdirSync(join(directory(), name), { recursive: true });
  });
  const look = (more: Record<string, string> = {}, ...argv: string[]): Look => {
    const machine = { CNVM_LOOK_KERNEL: '6.12.1-amd64', CNVM_LOOK_MACHINE: 'x86_64', CNVM_LOOK_CONTAINER: 'none' };
    const place = {
      CNVM_LOOK_FREE: '9000',
      CNVM_LOOK_FS: 'ext2/ext3',
      CNVM_LOOK_NAME: 'Node1',
      PATH: process.env['PATH'],
    };
    const env = { ...machine, ...place, CNVM_LOOK_ROOT: directory(), ...more };
    return JSON.parse(
      execFileSync('sh', [join(ANSIBLE, 'roles/cnvm/files/look.sh'), ...argv], { env, encoding: 'utf8' }),
    ) as Look;
  };

  it('and can be a node has no reason against it', () => {
    const seen = look();
    assert.deepEqual(seen.reasons, []);
    assert.equal(seen.name, 'node1');
    assert.deepEqual([seen.overlay, seen.member, seen.authority, seen.new_criu], ['', false, false, false]);
    assert.equal(look({ CNVM_LOOK_KERNEL: '6.18.0' }).new_criu, true);
  }).timeout(SLOW_MS);

  it('and is a node already says which', () => {
    put('etc/cnvm/cnvmd.yaml', 'node: node7\noverlay:\n  network: 10.100.0.0/16\n  address: 10.100.0.7\n');
    put('etc/cnvm/pki/ca.crt', '');
    put('etc/cnvm/ca/ca.key', '');
    const { name, overlay, member, authority } = look();
    assert.deepEqual(
      { name, overlay, member, authority },
      { name: 'node7', overlay: '10.100.0.7', member: true, authority: true },
    );
  }).timeout(SLOW_MS);

  it('and cannot be a node has every reason said at once', () => {
    put('etc/os-release', 'ID=debian\nVERSION_ID="12"\nPRETTY_NAME="Debian \\"12\\""\n');
    put('proc/meminfo', 'MemTotal: 204800 kB\n');
    put('proc/sys/user/max_user_namespaces', '0\n');
    const { reasons } = look({
      ...{ CNVM_LOOK_KERNEL: '5.10.0', CNVM_LOOK_MACHINE: 'riscv64', CNVM_LOOK_CONTAINER: 'docker' },
      ...{ CNVM_LOOK_FREE: '10', CNVM_LOOK_FS: 'overlayfs', CNVM_LOOK_NAME: '-x-' },
    });
    const wanted = [
      /Debian 12 is too old/,
      /riscv64/,
      /kernel 5\.10\.0 is too old/,
      /container itself \(docker\)/,
      /user namespaces/,
      /200 MiB of memory/,
      /10 MiB free/,
      /overlayfs/,
      /-x- is no name/,
    ];
    assert.equal(reasons.length, wanted.length, reasons.join('\n'));
    for (const [index, reason] of wanted.entries()) assert.match(reasons[index] ?? '', reason);
  }).timeout(SLOW_MS);

  it('and runs Ubuntu on a new kernel needs a source of a criu that fits', () => {
    put('etc/os-release', 'ID=ubuntu\nVERSION_ID="24.04"\nPRETTY_NAME="Ubuntu 24.04"\n');
    assert.deepEqual(look().reasons, []);
    assert.match(look({ CNVM_LOOK_KERNEL: '6.17.0' }).reasons.join(), /criu 4\.2/);
    assert.deepEqual(look({ CNVM_LOOK_KERNEL: '6.17.0' }, 'own-sources').reasons, []);
  }).timeout(SLOW_MS);
});

describe('overlay addresses of hosts', () => {
  const addresses = (looks: unknown): Record<string, string> => {
    const script =
      'import json,sys; sys.path.insert(0, sys.argv[1]); import cnvm; print(json.dumps(cnvm.cnvm_overlay_addresses(json.load(sys.stdin), "10.100.0.0/16")))';
    const argv = ['-B', '-c', script, join(ANSIBLE, 'filter_plugins')];
    return JSON.parse(execFileSync('python3', argv, { input: JSON.stringify(looks), encoding: 'utf8' })) as Record<
      string,
      string
    >;
  };
  const host = (name: string, overlay = '', members: unknown[] = []) => ({ host: `h-${name}`, name, overlay, members });

  it('are the next free ones, and stay', () => {
    assert.deepEqual(addresses([host('a'), host('b')]), { 'h-a': '10.100.0.1', 'h-b': '10.100.0.2' });
    assert.deepEqual(addresses([host('new'), host('a', '10.100.0.1'), host('b', '10.100.0.3')]), {
      ...{ 'h-new': '10.100.0.2', 'h-a': '10.100.0.1', 'h-b': '10.100.0.3' },
    });
  }).timeout(SLOW_MS);

  it('of a host that was made anew is the old one, and of a member that is not named is nobody else’s', () => {
    const members = [
      { name: 'a', overlayAddress: '10.100.0.1', state: 'NODE_STATE_ALIVE' },
      { name: 'b', overlayAddress: '10.100.0.2', state: 'NODE_STATE_DEAD' },
      { name: 'c', overlayAddress: '10.100.0.3', state: 'NODE_STATE_ALIVE' },
      { name: 'd', overlayAddress: '10.100.0.4', state: 'NODE_STATE_LEFT' },
    ];
    assert.deepEqual(addresses([host('a', '10.100.0.1', members), host('b'), host('e')]), {
      ...{ 'h-a': '10.100.0.1', 'h-b': '10.100.0.2', 'h-e': '10.100.0.4' },
    });
  }).timeout(SLOW_MS);
});
