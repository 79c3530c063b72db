import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stopAgain } from '../../../src/cnvms/stopped.js';
import { temporary } from '../../support/temporary.js';

describe('a process that was stopped', () => {
  const directory = temporary();

  it('is not another one that has its number by now, and is not of that cnvm', async () => {
    const stranger = spawn('sleep', ['60'], { stdio: 'ignore' });
    try {
      await once(stranger, 'spawn');
      const file = join(directory(), 'stopped.json');
      writeFileSync(file, JSON.stringify([{ pid: stranger.pid, inside: 7 }]));
      stopAgain(`/test-${process.pid}`, directory());
      assert.match(readFileSync(`/proc/${stranger.pid}/status`, 'utf8'), /^State:\s+[SRD]/m);
      assert.ok(!existsSync(file));
    } finally {
      stranger.kill('SIGKILL');
    }
  });
});
