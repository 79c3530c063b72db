/** The deployment container, loaded and run by podman and by docker with the words that its users know. */
import assert from 'node:assert/strict';
import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { openLab } from '../../scripts/lib/lab.js';
import { podman, podmanRun } from '../../scripts/lib/podman.js';
import { BUILD_MS, buildDeployerImage, NOTHING_GIVEN } from '../support/deployer-image.js';
import { startDocker } from '../support/docker.js';

const NODE = 'node1';
const RUN_MS = 300_000;
const BROUGHT = '/var/lib/cnvm/image.tar';

const lab = openLab(`${process.env['CNVM_LAB'] ?? 'deploy'}-engines`, false);
const ENGINES = {
  podman: { load: podman('load', '--quiet', '--input', BROUGHT), run: podmanRun(lab) },
  docker: { load: ['docker', 'load', '--quiet', '--input', BROUGHT], run: ['docker', 'run'] },
};

describe('the deployment container', () => {
  before(async function () {
    this.timeout(BUILD_MS);
    const image = await buildDeployerImage();
    try {
      await lab.down();
      await lab.up(1, '--with-engines');
      copyFileSync(image.archive, join(lab.rootOf(NODE), BROUGHT));
    } finally {
      image.remove();
    }
    await startDocker(lab, NODE);
    await lab.must(NODE, ['ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-f', '/root/key']);
  });
  after(async function () {
    this.timeout(BUILD_MS);
    await lab.down();
  });

  for (const [engine, { load, run }] of Object.entries(ENGINES))
    describe(`by ${engine}`, () => {
      let image = '';
      const started = (...options: string[]) => lab.run(NODE, [...run, '--rm', ...options, image]);

      it('is loaded by its name, and says what is missing', async () => {
        const said = await lab.must(NODE, load);
        image = /Loaded image: (\S+)/.exec(said)?.[1] ?? assert.fail(said);
        assert.match(image, /(^|\/)cnvm-deploy:\d+\.\d+\.\d+$/);
        const { code, stderr } = await started();
        assert.equal(code, 2);
        assert.match(stderr, NOTHING_GIVEN);
      }).timeout(RUN_MS);

      it('takes the keys and the hosts as its users give them, and says which host does not answer', async () => {
        const keys = ['-v', '/root/key:/keys/priv', '-v', '/root/key.pub:/keys/pub'];
        const { code, stderr } = await started(...keys, '-e', 'NODES=127.0.0.1,127.0.0.2');
        assert.equal(code, 2);
        assert.doesNotMatch(stderr, /key/);
        for (const host of ['127.0.0.1', '127.0.0.2'])
          assert.ok(stderr.includes(`${host} does not answer on port 22`), stderr);
      }).timeout(RUN_MS);
    });
});
