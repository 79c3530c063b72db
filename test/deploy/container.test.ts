/** The deployment container, built for real, and its entry run in what it holds. */
import assert from 'node:assert/strict';
import { copyFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { openLab } from '../../scripts/lib/lab.js';
import { podman, podmanRun } from '../../scripts/lib/podman.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const BUILD_MS = 60 * 60_000;
const NOTHING_GIVEN = /no private key at \/keys\/priv[\s\S]*no public key at \/keys\/pub[\s\S]*NODES names no host/;

describe('the deployment container', () => {
  let directory = '';
  const archive = () => join(directory, 'image.tar');
  const rootfs = () => join(directory, 'bundle', 'rootfs');
  const inside = (env: Readonly<Record<string, string>>, ...argv: string[]) =>
    execa('chroot', [rootfs(), ...argv], { reject: false, env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', ...env } });

  before(async function () {
    this.timeout(BUILD_MS);
    directory = mkdtempSync(join(tmpdir(), 'cnvm-container-'));
    await execa(join(ROOT, 'scripts/deploy-image'), [archive()], { stdin: 'ignore', stderr: 'inherit' });
    await execa('skopeo', ['copy', `docker-archive:${archive()}`, `oci:${directory}/layout:deploy`]);
    await execa('umoci', ['unpack', '--image', `${directory}/layout:deploy`, join(directory, 'bundle')]);
  });
  after(() => rmSync(directory, { recursive: true, force: true }));

  it('starts with the entry, and holds what it deploys', async () => {
    const config = JSON.parse(readFileSync(join(directory, 'bundle', 'config.json'), 'utf8')) as {
      process: { args: string[] };
    };
    assert.deepEqual(config.process.args, ['/usr/share/cnvm/ansible/deploy']);
    assert.match((await inside({}, 'cnvm', '--version')).stdout, /^\d+\.\d+\.\d+$/);
    assert.match((await inside({}, 'dpkg-deb', '--field', '/usr/share/cnvm/cnvm.deb', 'Package')).stdout, /^cnvm$/);
    assert.match((await inside({}, 'cat', '/usr/share/cnvm/base/oci-layout')).stdout, /imageLayoutVersion/);
    assert.match((await inside({}, 'ansible-playbook', '--version')).stdout, /core 2\.\d+/);
  }).timeout(60_000);

  it('says what is missing when it is run as it is', async () => {
    const { exitCode, stderr } = await inside({}, '/usr/share/cnvm/ansible/deploy');
    assert.equal(exitCode, 2);
    assert.match(stderr, NOTHING_GIVEN);
  }).timeout(60_000);

  describe('by podman', () => {
    const lab = openLab(`${process.env['CNVM_LAB'] ?? 'deploy'}-podman`, false);
    let image = '';
    const started = (...options: string[]) => lab.run('node1', podmanRun(lab, '--rm', ...options, image));

    before(async function () {
      this.timeout(BUILD_MS);
      await lab.down();
      await lab.up(1, '--with-podman');
      const brought = '/var/lib/cnvm/image.tar';
      copyFileSync(archive(), join(lab.rootOf('node1'), brought));
      const said = await lab.must('node1', podman('load', '--quiet', '--input', brought));
      image = /Loaded image: (\S+)/.exec(said)?.[1] ?? assert.fail(said);
    });
    after(async function () {
      this.timeout(BUILD_MS);
      await lab.down();
    });

    it('it is loaded by its name, and says what is missing', async () => {
      assert.match(image, /(^|\/)cnvm-deploy:\d+\.\d+\.\d+$/);
      const { code, stderr } = await started();
      assert.equal(code, 2);
      assert.match(stderr, NOTHING_GIVEN);
    }).timeout(300_000);

    it('it takes the keys and the hosts as its users give them, and says which host does not answer', async () => {
      await lab.must('node1', ['ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-f', '/root/key']);
      const keys = ['-v', '/root/key:/keys/priv', '-v', '/root/key.pub:/keys/pub'];
      const { code, stderr } = await started(...keys, '-e', 'NODES=127.0.0.1,127.0.0.2');
      assert.equal(code, 2);
      assert.doesNotMatch(stderr, /key/);
      for (const host of ['127.0.0.1', '127.0.0.2'])
        assert.ok(stderr.includes(`${host} does not answer on port 22`), stderr);
    }).timeout(300_000);
  });
});
