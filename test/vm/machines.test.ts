import assert from 'node:assert/strict';
import { lab, NODES } from '../host/support.js';
import { UP_OPTIONS } from '../support/test-lab.js';

describe('the machines of the VM lab', () => {
  it('have a kernel of their own that tracks dirty pages, and WireGuard', async () => {
    for (const node of NODES) {
      assert.match(await lab.must(node, ['uname', '-r']), /^6\.12\..*deb13/);
      assert.match(await lab.must(node, ['criu', 'check', '--feature', 'mem_dirty_track']), /is supported/);
      await lab.must(node, ['sh', '-ec', 'ip link add wg-look type wireguard; ip link del wg-look']);
    }
  });

  it('have version 2 of the control groups and no other, and the init that was asked for', async () => {
    const init = UP_OPTIONS.includes('--systemd') ? 'systemd' : 'tini';
    for (const node of NODES) {
      const mounts = await lab.must(node, ['sh', '-c', 'grep -o " cgroup2* " /proc/mounts | sort -u']);
      assert.equal(mounts.trim(), 'cgroup2');
      assert.equal((await lab.must(node, ['cat', '/proc/1/comm'])).trim(), init);
    }
  });

  it('lack nothing that the daemon looks for', async () => {
    await lab.must('node1', ['cnvm', 'nodes']);
    const log = await lab.must('node1', ['cat', '/var/log/cnvmd.log']);
    assert.doesNotMatch(log, /self-check/);
  });
});
