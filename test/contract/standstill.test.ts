/** A cgroup that stands still, on a real kernel: `test/host/contract.test.ts` runs it in a node of the lab. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { atStandstill } from '../../src/cnvms/standstill.js';
import { hierarchyPaths } from '../../src/tools/cgroup.js';

const CGROUP = join(process.env['CNVM_CONTRACT_CGROUP'] ?? '', 'standstill');
const BYTES = 400_000_000;
const TRIES = 5;

/** Waits for a word, and then writes all of it in one call. */
const WRITER = `const fs = require('fs');
const bytes = Buffer.alloc(${BYTES}, 1);
const file = fs.openSync(process.argv[1], 'w');
console.log('ready');
process.stdin.once('data', () => { fs.writeSync(file, bytes); setInterval(() => undefined, 1000); });`;

describe('a cgroup that stands still', () => {
  const started: ChildProcess[] = [];
  const places = hierarchyPaths(CGROUP).filter((path) =>
    existsSync(join(dirname(dirname(dirname(path))), 'cgroup.procs')),
  );
  let directory = '';

  before(() => {
    directory = mkdtempSync('/var/lib/cnvm/contract-');
    for (const path of places) mkdirSync(path, { recursive: true });
  });

  after(async () => {
    for (const child of started) {
      child.kill('SIGKILL');
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    }
    for (const path of places) rmdirSync(path);
    rmSync(directory, { recursive: true });
  });

  it('has no write half done, and goes on', async () => {
    let inTheMiddle = 0;
    for (let tried = 0; tried < TRIES; tried += 1) {
      const file = join(directory, String(tried));
      const writer = spawn(process.execPath, ['-e', WRITER, file], { stdio: ['pipe', 'pipe', 'inherit'] });
      started.push(writer);
      await once(writer.stdout, 'data');
      for (const path of places) writeFileSync(join(path, 'cgroup.procs'), String(writer.pid));
      writer.stdin.write('go\n');
      while (statSync(file).size === 0) await sleep(1);
      if (statSync(file).size < BYTES) inTheMiddle += 1;
      assert.equal(await atStandstill(CGROUP, () => statSync(file).size), BYTES);
      assert.match(await readState(writer), /S|R/, 'it does not go on');
      writer.kill('SIGKILL');
      await once(writer, 'exit');
      rmSync(file);
    }
    assert.ok(inTheMiddle > 0, 'no write was met');
  });

  async function readState({ pid }: ChildProcess): Promise<string> {
    await sleep(50);
    return /^State:\s+(\w)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? '';
  }
});
