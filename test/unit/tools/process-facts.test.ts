import assert from 'node:assert/strict';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { mountsOf, readProcesses } from '../../../src/tools/process-facts.js';

describe('what /proc says of a process', () => {
  it('its number, its name, what it holds and belongs to', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const directory = mkdtempSync(join(tmpdir(), 'cnvm-proc-'));
    const file = join(directory, 'deleted');
    writeFileSync(file, Buffer.alloc(8192, 1));
    const [deleted, device] = [openSync(file, 'r'), openSync('/dev/null', 'r')];
    rmSync(directory, { recursive: true });
    try {
      const [own, ...others] = await readProcesses([process.pid, 2 ** 22 + 1]);
      assert.deepEqual(others, []);
      assert.equal(own?.numbers[0], process.pid);
      assert.match(own?.command ?? '', /node|Main/);
      assert.match(own?.namespaces['uts'] ?? '', /^uts:\[\d+\]$/);
      const held = (fd: number) => own?.descriptors.find((one) => one.fd === fd);
      assert.deepEqual(held(device)?.device, [1, 3]);
      assert.equal(held(deleted)?.kind, 'file');
      assert.ok((held(deleted)?.deletedBytes ?? 0) >= 8192);
      assert.ok(own?.mounts.some(({ id }) => id === held(deleted)?.mount));
      const protocols = own?.descriptors.map(({ protocol }) => protocol);
      assert.ok(protocols?.includes('TCP'), String(protocols));
      assert.ok(own?.descriptors.some(({ target }) => target === 'anon_inode:[eventpoll]'));
    } finally {
      server.close();
      for (const fd of [deleted, device]) closeSync(fd);
    }
  });

  it('its mounts', () => {
    const line = '36 35 98:0 /part /mnt rw,noatime master:1 - ext3 /dev/root rw,errors=continue';
    assert.deepEqual(mountsOf(`${line}\n`), [{ id: 36, root: '/part', mountpoint: '/mnt', type: 'ext3' }]);
  });
});
