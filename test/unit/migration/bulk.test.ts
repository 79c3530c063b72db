import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Duplex } from 'node:stream';
import { createBulk } from '../../../src/migration/bulk.js';
import { temporary } from '../../support/temporary.js';

describe('the disk that is served', () => {
  const directory = temporary();
  const { PATH } = process.env;
  afterEach(() => {
    process.env['PATH'] = PATH;
  });

  it('fails for the reason of its rsync, even when its pipes break first', async () => {
    const script = '#!/bin/sh\nexec <&-\nsleep 0.3\necho "rsync: the disk is broken" >&2\nexit 11\n';
    writeFileSync(join(directory(), 'rsync'), script, { mode: 0o700 });
    process.env['PATH'] = `${directory()}:${PATH}`;
    // The other end goes on talking.
    const stream = new Duplex({
      read() {
        setTimeout(() => this.push(Buffer.alloc(100_000)), 10);
      },
      write: (_chunk, _encoding, done) => done(),
    });
    const serving = createBulk(directory()).serveDisk('m', directory(), stream, Promise.resolve(), () => undefined);
    await assert.rejects(serving, /rsync --server failed with exit code 11: rsync: the disk is broken/);
    assert.ok(stream.destroyed);
  });
});
