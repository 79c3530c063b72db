/** The deployment container: what is in it, and that its entry runs in what it holds. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { BUILD_MS, buildDeployerImage, NOTHING_GIVEN } from '../support/deployer-image.js';

describe('the deployment container', () => {
  let image: Awaited<ReturnType<typeof buildDeployerImage>> | undefined;
  let bundle = '';
  const inside = (...argv: string[]) =>
    execa('chroot', [join(bundle, 'rootfs'), ...argv], {
      reject: false,
      env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' },
    });

  before(async function () {
    this.timeout(BUILD_MS);
    image = await buildDeployerImage();
    bundle = join(image.directory, 'bundle');
    const layout = join(image.directory, 'layout');
    await execa('skopeo', ['copy', `docker-archive:${image.archive}`, `oci:${layout}:deploy`]);
    await execa('umoci', ['unpack', '--image', `${layout}:deploy`, bundle]);
  });
  after(() => image?.remove());

  it('starts with the entry, and holds what it deploys', async () => {
    const config = JSON.parse(readFileSync(join(bundle, 'config.json'), 'utf8')) as { process: { args: string[] } };
    assert.deepEqual(config.process.args, ['/usr/share/cnvm/ansible/deploy']);
    assert.match((await inside('cnvm', '--version')).stdout, /^\d+\.\d+\.\d+$/);
    assert.match((await inside('dpkg-deb', '--field', '/usr/share/cnvm/cnvm.deb', 'Package')).stdout, /^cnvm$/);
    assert.match((await inside('cat', '/usr/share/cnvm/base/oci-layout')).stdout, /imageLayoutVersion/);
    assert.match((await inside('ansible-playbook', '--version')).stdout, /core 2\.\d+/);
  }).timeout(60_000);

  it('says what is missing when it is run as it is', async () => {
    const { exitCode, stderr } = await inside('/usr/share/cnvm/ansible/deploy');
    assert.equal(exitCode, 2);
    assert.match(stderr, NOTHING_GIVEN);
  }).timeout(60_000);
});
