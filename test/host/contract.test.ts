import assert from 'node:assert/strict';
import { lab } from './support.js';

/** Below the lab's own, so that "down" would find what is left; not the node's, whose daemon keeps its there. */
const CGROUP = `/cnvm-${lab.name}/contract`;
const TIDY = `
  rm -rf /var/lib/cnvm/contract* /run/cnvm-contract* /home/cnvm/contract
  find /sys/fs/cgroup -depth -path "*${CGROUP}*" -type d -exec rmdir {} \\;`;

describe('the contract that the fake host is held to', () => {
  after(async () => {
    await lab.must('node1', ['sh', '-c', TIDY]);
  });

  it('is kept by the real one', async () => {
    const mocha = 'node node_modules/mocha/bin/mocha.js --timeout 60000 --exit test/contract/runc-machine.test.ts';
    const script = `cd /opt/cnvm && CNVM_CONTRACT_CGROUP=${CGROUP} ${mocha}`;
    const { code, stdout, stderr } = await lab.run('node1', ['sh', '-c', script]);
    assert.equal(code, 0, `${stdout}\n${stderr}`);
    assert.match(stdout, /\b[23][0-9] passing/);
  });

  it('is kept by the last pass of a disk', async () => {
    const mocha = 'node node_modules/mocha/bin/mocha.js --exit test/contract/last-pass.test.ts';
    const { code, stdout, stderr } = await lab.run('node1', ['sh', '-c', `cd /opt/cnvm && ${mocha}`]);
    assert.equal(code, 0, `${stdout}\n${stderr}`);
    assert.match(stdout, /\b3 passing/);
  });

  it('is kept by the watch of a disk', async () => {
    const mocha = 'node node_modules/mocha/bin/mocha.js --timeout 120000 --exit test/contract/watched-disk.test.ts';
    const { code, stdout, stderr } = await lab.run('node1', ['sh', '-c', `cd /opt/cnvm && ${mocha}`]);
    assert.equal(code, 0, `${stdout}\n${stderr}`);
    assert.match(stdout, /\b3 passing/);
  });

  it('is kept by the freezer', async () => {
    const mocha = 'node node_modules/mocha/bin/mocha.js --timeout 60000 --exit test/contract/standstill.test.ts';
    const script = `cd /opt/cnvm && CNVM_CONTRACT_CGROUP=${CGROUP} ${mocha}`;
    const { code, stdout, stderr } = await lab.run('node1', ['sh', '-c', script]);
    assert.equal(code, 0, `${stdout}\n${stderr}`);
    assert.match(stdout, /\b1 passing/);
  });

  it('is kept by the images’ real tools', async () => {
    const mocha = 'node node_modules/mocha/bin/mocha.js --timeout 60000 --exit test/contract/image-tools.test.ts';
    const { code, stdout, stderr } = await lab.run('node1', ['sh', '-c', `cd /opt/cnvm && ${mocha}`]);
    assert.equal(code, 0, `${stdout}\n${stderr}`);
    assert.match(stdout, /\b6 passing/);
  });
});
