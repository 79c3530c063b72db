/** The deployment container, built for real, and its entry run in what it holds. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const BUILD_MS = 60 * 60_000;

describe('the deployment container', () => {
  let directory = '';
  const rootfs = () => join(directory, 'bundle', 'rootfs');
  const inside = (env: Readonly<Record<string, string>>, ...argv: string[]) =>
    execa('chroot', [rootfs(), ...argv], { reject: false, env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', ...env } });

  before(async function () {
    this.timeout(BUILD_MS);
    directory = mkdtempSync(join(tmpdir(), 'cnvm-container-'));
    const archive = join(directory, 'image.tar');
    await execa(join(ROOT, 'scripts/deploy-image'), [archive], { stdin: 'ignore', stderr: 'inherit' });
    await execa('skopeo', ['copy', `docker-archive:${archive}`, `oci:${directory}/layout:deploy`]);
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
    assert.match(stderr, /no private key at \/keys\/priv[\s\S]*no public key at \/keys\/pub[\s\S]*NODES names no host/);
  }).timeout(60_000);
});
