import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { constants } from 'node:fs';
import { open, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pino } from 'pino';
import { hasErrno } from '../../../src/base/errors.js';
import { initPki } from '../../../src/pki/pki-dir.js';
import { openToken } from '../../../src/pki/token-store.js';
import { keepDoor } from '../../../src/rpc/join-door.js';
import { temporary } from '../../support/temporary.js';

describe('the door for new nodes', () => {
  const directory = temporary();

  /** Opens a pipe for writing as soon as somebody reads it. */
  async function writerOf(pipe: string) {
    for (;;) {
      try {
        return await open(pipe, constants.O_WRONLY | constants.O_NONBLOCK);
      } catch (error) {
        if (!hasErrno(error, 'ENXIO')) throw error;
        await sleep(10);
      }
    }
  }

  it('does not open any more when it is given up while it opens', async () => {
    await initPki(directory(), { force: false });
    await openToken(directory(), { node: undefined, ttlMs: 60_000 });
    const file = join(directory(), 'ca.key');
    const key = await readFile(file, 'utf8');
    await rm(file);
    // Its reading takes as long as we like.
    execFileSync('mkfifo', ['--mode=600', file]);
    const lines: string[] = [];
    const log = pino({ level: 'info' }, { write: (line: string) => void lines.push(line) });
    const stop = keepDoor({ directory: directory(), listen: '127.0.0.1:0', log });
    const writer = await writerOf(file);
    stop();
    await writer.writeFile(key);
    await writer.close();
    // Longer than it takes to make a certificate and to listen.
    await sleep(500);
    assert.deepEqual(lines, []);
  });
});
