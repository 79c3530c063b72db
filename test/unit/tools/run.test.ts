import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { spawnTool } from '../../../src/tools/run.js';

const READS_LATE_MS = 300;

describe('a program with a socket', () => {
  it('loses nothing that it wrote before anybody read', async () => {
    const program = spawnTool(['sh', '-c', 'echo pages >&3; read -r word <&3'], { socketAt: 3 });
    await sleep(READS_LATE_MS);
    let heard = '';
    program.socket.on('data', (chunk) => {
      heard += String(chunk);
      program.socket.end('thanks\n');
    });
    program.socket.resume();
    await program.ended;
    assert.equal(heard, 'pages\n');
  });
});
