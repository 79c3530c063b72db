import assert from 'node:assert/strict';
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { factsOf } from '../../../src/mesh/gather-facts.js';
import { temporary } from '../../support/temporary.js';

describe('the facts of a node', () => {
  const directory = temporary();
  const path = process.env['PATH'];
  afterEach(() => {
    process.env['PATH'] = path;
  });

  it('are asked of no program before somebody wants them, and again of one that has not answered', async () => {
    const asked = join(directory(), 'asked');
    const program = (end: string) => {
      writeFileSync(join(directory(), 'criu'), `#!/bin/sh\necho "$*" >>${asked}\n${end}\n`);
      chmodSync(join(directory(), 'criu'), 0o755);
    };
    process.env['PATH'] = `${directory()}:${path}`;
    program('exit 1');
    const facts = factsOf({
      ...{ node: 'node1', version: '1', landingZones: [], images: () => [], cnvmCount: () => 0 },
      ...{ overlayAddress: '10.100.0.1', overlayEncryption: 'none', overlayCard: () => ({ key: '', port: 0 }) },
    });
    await sleep(300);
    assert.ok(!existsSync(asked));
    assert.equal((await facts()).criuVersion, '');
    program('echo Version: 4.2.1');
    assert.equal((await facts()).criuVersion, '4.2.1');
    const before = readFileSync(asked, 'utf8')
      .split('\n')
      .filter((line) => line === '--version').length;
    await facts();
    const after = readFileSync(asked, 'utf8')
      .split('\n')
      .filter((line) => line === '--version').length;
    assert.equal(after, before);
  });
});
