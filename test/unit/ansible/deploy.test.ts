/** The entry of the deployment container, with fake programs in the place of ssh and Ansible: what it asks for, and refuses. */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { temporary } from '../../support/temporary.js';

const DEPLOY = fileURLToPath(new URL('../../../ansible/deploy', import.meta.url));

describe('the deployment container', () => {
  const directory = temporary();
  const at = (...names: string[]) => join(directory(), ...names);
  const program = (name: string, text: string) => {
    writeFileSync(at('bin', name), `#!/bin/bash\n${text}\n`);
    chmodSync(at('bin', name), 0o755);
  };
  const keygen = (name: string) =>
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', name, '-f', at(name)]);
  beforeEach(() => {
    for (const name of ['bin', 'keys', 'share']) mkdirSync(at(name));
    for (const name of ['user', 'host']) keygen(name);
    writeFileSync(at('keys/priv'), readFileSync(at('user')));
    writeFileSync(at('keys/pub'), readFileSync(at('user.pub')));
    const host = readFileSync(at('host.pub'), 'utf8').split(' ').slice(0, 2).join(' ');
    program('ssh-keyscan', `[ "\${!#}" = 9.9.9.9 ] || echo "\${!#} ${host}"`);
    program(
      'ssh',
      `[[ "$*" != *root@8.8.8.8* ]] || { echo 'root@8.8.8.8: Permission denied (publickey).' >&2; exit 255; }`,
    );
    program(
      'ansible-playbook',
      `echo "ansible-playbook $*" >>${at('called')}; cp "$2" ${at('inventory.yml')}; [ -z "$BREAKS" ]`,
    );
  });
  const deploy = (env: Record<string, string>, ...argv: string[]) => {
    const paths = { CNVM_KEYS: at('keys'), CNVM_STATE: at('state'), CNVM_SHARE: at('share') };
    const all = { PATH: `${at('bin')}:${process.env['PATH']}`, ...paths, NODES: '1.1.1.1,2.2.2.2', ...env };
    const { status, stdout, stderr } = spawnSync('bash', [DEPLOY, ...argv], { env: all, encoding: 'utf8' });
    return { status, stdout, stderr };
  };
  const isRefused = (env: Record<string, string>, why: RegExp, ...argv: string[]) => {
    const { status, stderr } = deploy(env, ...argv);
    assert.equal(status, 2, stderr);
    assert.match(stderr, why);
    assert.match(stderr, /nothing was changed/);
    assert.equal(existsSync(at('called')), false);
  };

  it('deploys to all hosts, and says how to log in', () => {
    const { status, stdout, stderr } = deploy({});
    assert.equal(status, 0, stderr);
    assert.match(readFileSync(at('called'), 'utf8'), /^ansible-playbook -i \S+ site\.yml *$/m);
    const inventory = readFileSync(at('inventory.yml'), 'utf8');
    assert.match(inventory, /"1\.1\.1\.1":[\s\S]*"2\.2\.2\.2":/);
    assert.match(inventory, /cnvm_ca_on_node: true/);
    assert.match(stdout, /first contact with 1\.1\.1\.1: SHA256:/);
    assert.match(stdout, /ssh cnvm@1\.1\.1\.1/);
    // Nothing that was first seen is believed without being held to.
    assert.doesNotMatch(inventory, /StrictHostKeyChecking=no/);
  }).timeout(60_000);

  it('keeps the CA and the hosts’ keys where a directory is mounted, and shows no key twice', () => {
    mkdirSync(at('state'));
    assert.match(deploy({}).stdout, /first contact/);
    assert.match(readFileSync(at('inventory.yml'), 'utf8'), /cnvm_ca_on_node: false/);
    assert.match(readFileSync(at('state/known_hosts'), 'utf8'), /^1\.1\.1\.1 ssh-ed25519/m);
    assert.doesNotMatch(deploy({}).stdout, /first contact/);
  }).timeout(60_000);

  it('takes what else there is to do, and hands a failure on', () => {
    deploy({}, 'check');
    deploy({ ANSIBLE_ARGS: '-e cnvm_remove_cnvms=true' }, 'uninstall');
    const called = readFileSync(at('called'), 'utf8');
    assert.match(called, /site\.yml --check --diff/);
    assert.match(called, /uninstall\.yml -e cnvm_remove_cnvms=true/);
    assert.equal(deploy({ BREAKS: '1' }).status, 1);
    assert.equal(deploy({}, '--help').status, 0);
    assert.match(deploy({}, '--help').stdout, /docker run --rm -v KEY:\/keys\/priv/);
  }).timeout(60_000);

  it('says what is missing, before it calls anybody', () => {
    isRefused({ NODES: '' }, /NODES names no host: give it with -e NODES=/);
    isRefused({ NODES: ' , ' }, /NODES names no host/);
    isRefused({ NODES: '1.1.1.1,;rm -rf' }, /"-rf" in NODES is no address/);
    isRefused({ NODES: '1.1.1.1 1.1.1.1' }, /names 1\.1\.1\.1 more than once/);
    isRefused({}, /there is no "destroy"/, 'destroy');
    rmSync(at('keys/pub'));
    isRefused({}, /no public key at .*keys\/pub/);
    writeFileSync(at('keys/pub'), readFileSync(at('host.pub')));
    isRefused({}, /is not the public key of/);
    writeFileSync(at('keys/priv'), 'no key');
    isRefused({}, /cannot be used/);
    rmSync(at('keys/priv'));
    mkdirSync(at('keys/priv'));
    isRefused({}, /no private key at .*an absolute path/);
  }).timeout(60_000);

  it('refuses hosts that do not answer, that show another key, or that let it not in', () => {
    isRefused({ NODES: '1.1.1.1,9.9.9.9' }, /9\.9\.9\.9 does not answer on port 22/);
    isRefused({ NODES: '1.1.1.1,8.8.8.8' }, /cannot log in as root on 8\.8\.8\.8: .*Permission denied/);
    isRefused(
      { FINGERPRINTS: '1.1.1.1=SHA256:wrong' },
      /1\.1\.1\.1 shows SHA256:\S+, and not SHA256:wrong[\s\S]*nothing of 2\.2\.2\.2/,
    );
    writeFileSync(at('keys/known_hosts'), '1.1.1.1 ssh-ed25519 AAAA\n');
    isRefused({}, /2\.2\.2\.2 is not in .*known_hosts/);
  }).timeout(60_000);

  it('takes hosts whose keys have the fingerprints that were given', () => {
    const print = execFileSync('ssh-keygen', ['-lf', at('host.pub')], { encoding: 'utf8' }).split(' ')[1] ?? '';
    const { status, stdout, stderr } = deploy({ FINGERPRINTS: `1.1.1.1=${print},2.2.2.2=${print}` });
    assert.equal(status, 0, stderr);
    assert.doesNotMatch(stdout, /first contact/);
  }).timeout(60_000);
});
