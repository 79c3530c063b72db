import assert from 'node:assert/strict';
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { takeSupervisor } from '../../../src/tools/supervisor.js';
import { temporary } from '../../support/temporary.js';

describe('the supervisor', () => {
  const directory = temporary();
  const path = process.env['PATH'];
  beforeEach(() => {
    const program = join(directory(), 'systemd-notify');
    writeFileSync(program, `#!/bin/sh\necho "$NOTIFY_SOCKET $*" >>${directory()}/told\n`);
    chmodSync(program, 0o755);
    process.env['PATH'] = `${directory()}:${path}`;
  });
  afterEach(() => {
    process.env['PATH'] = path;
  });
  const told = () => readFileSync(join(directory(), 'told'), 'utf8');

  it('is told, and no other program is told of it', async () => {
    const env: NodeJS.ProcessEnv = { NOTIFY_SOCKET: '/run/systemd/notify', HOME: '/root' };
    const supervisor = takeSupervisor(env);
    assert.deepEqual(env, { HOME: '/root' });
    await supervisor.tellReady();
    assert.equal(told(), '/run/systemd/notify --ready --status=serving\n');
  });

  it('is told nothing where there is none', async () => {
    await takeSupervisor({}).tellReady();
    assert.throws(told, { code: 'ENOENT' });
  });
});
