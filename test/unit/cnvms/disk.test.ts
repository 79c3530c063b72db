import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { demandRoomFor, diskPaths, makeDisk } from '../../../src/cnvms/disk.js';
import { temporary } from '../../support/temporary.js';

describe('the directory of a disk', () => {
  const directory = temporary();
  const own = process.getuid?.() ?? 0;
  const paths = () => diskPaths({ name: 'one', landing: join(directory(), 'landing') }, join(directory(), 'run'));

  // A temporary directory is closed to others.
  beforeEach(() => chmodSync(directory(), 0o755));

  it('is made whole', async () => {
    demandRoomFor(paths());
    await makeDisk(paths(), own);
    for (const path of [paths().upper, paths().work, paths().rootfs]) assert.ok(existsSync(path), path);
    assert.throws(() => demandRoomFor(paths()), /one exists/);
  });

  it('is refused where its owner could not get to it', () => {
    chmodSync(directory(), 0o700);
    assert.throws(() => demandRoomFor(paths()), {
      code: 'refused',
      message: `a cnvm's root, which is a user of its own here, may not pass through ${directory()}`,
      remedy: `chmod o+x ${directory()}`,
    });
  });

  it('is not there when it could not be made whole, and is in nobody’s way', async () => {
    const broken = { ...paths(), rootfs: join(paths().directory, 'not', 'there') };
    await assert.rejects(makeDisk(broken, own), /ENOENT/);
    assert.ok(!existsSync(paths().directory));
    await makeDisk(paths(), own);
  });

  it('stays when it is somebody’s, whatever it is', async () => {
    mkdirSync(paths().directory, { recursive: true });
    writeFileSync(join(paths().directory, 'mine'), 'dear to me');
    await assert.rejects(makeDisk(paths(), own), { code: 'refused', kind: 'exists' });
    assert.ok(existsSync(join(paths().directory, 'mine')));
    const linked = { ...paths(), directory: join(directory(), 'link') };
    symlinkSync('nowhere', linked.directory);
    assert.throws(() => demandRoomFor(linked), { code: 'refused', kind: 'exists' });
  });
});
