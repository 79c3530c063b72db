/** The hooks that empty a node without anybody's call, against clouds and machines that are not there. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { temporary } from '../../support/temporary.js';

const HOOKS = fileURLToPath(new URL('../../../scripts/host', import.meta.url));

describe('a hook', () => {
  const directory = temporary();
  let server: Server | undefined;
  afterEach(() => server?.close());

  /** A program that notes its arguments, a line each call, and answers as it is told. */
  function program(name: string, script = ''): void {
    const file = join(directory(), name);
    writeFileSync(file, `#!/bin/sh\necho "$*" >> ${directory()}/${name}.calls\n${script}\n`);
    chmodSync(file, 0o755);
  }
  const calls = (name: string) => {
    const file = join(directory(), `${name}.calls`);
    return existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n') : [];
  };

  async function run(hook: string, args: readonly string[], env: Record<string, string> = {}) {
    const path = `${directory()}:${process.env['PATH'] ?? ''}`;
    const child = spawn(join(HOOKS, hook), args, { env: { ...process.env, PATH: path, ...env } });
    let output = '';
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
    const [code] = (await once(child, 'close')) as [number | null];
    return { code, output };
  }

  /** @param answer undefined: 404. */
  async function cloud(answer: (request: IncomingMessage) => string | undefined): Promise<string> {
    server = createServer((request: IncomingMessage, response: ServerResponse) => {
      const body = answer(request);
      response.writeHead(body === undefined ? 404 : 200).end(body ?? '');
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  /** It looks until there is a notice. @param after so many looks. */
  async function watch(name: string, answer: (request: IncomingMessage) => string | undefined) {
    program('cnvm', 'exit 1');
    const found = await run('spot-watch', [name], { CNVM_SPOT_URL: await cloud(answer), CNVM_SPOT_EVERY: '0.05' });
    return { ...found, asked: calls('cnvm') };
  }

  it('empties the node at AWS’s notice, not before, and only with a token', async () => {
    let looks = 0;
    const { code, output, asked } = await watch('aws', ({ method, url, headers }) => {
      if (method === 'PUT' && url === '/latest/api/token')
        return headers['x-aws-ec2-metadata-token-ttl-seconds'] === undefined ? undefined : 'secret';
      assert.deepEqual(
        [url, headers['x-aws-ec2-metadata-token']],
        ['/latest/meta-data/spot/instance-action', 'secret'],
      );
      looks += 1;
      return looks < 4 ? undefined : '{"action": "terminate", "time": "2026-01-01T00:02:00Z"}';
    });
    assert.deepEqual([code, looks, asked.length], [1, 4, 1], output);
    assert.match(asked[0] ?? '', /^evacuate --reason AWS: \{"action": "terminate".*\} --deadline 90s --parallel 4$/);
  });

  it('empties the node at GCP’s notice, and not before', async () => {
    let looks = 0;
    const { asked, output } = await watch('gcp', ({ url, headers }) => {
      if (url !== '/computeMetadata/v1/instance/preempted' || headers['metadata-flavor'] !== 'Google') return undefined;
      looks += 1;
      return looks < 3 ? 'FALSE' : 'TRUE';
    });
    assert.deepEqual([looks, asked.length], [3, 1], output);
    assert.match(asked[0] ?? '', /^evacuate --reason GCP: the instance is preempted --deadline 20s/);
  });

  it('empties the node at Azure’s notice to this machine, and not at another one’s', async () => {
    let looks = 0;
    const event = (type: string, resource: string) =>
      `{ "EventId": "${resource}", "EventType": "${type}", "ResourceType": "VirtualMachine", "Resources": ["${resource}"] }`;
    const { asked, output } = await watch('azure', ({ url = '', headers }) => {
      if (headers['metadata'] !== 'true') return undefined;
      if (url.startsWith('/metadata/instance/compute/name')) return 'vm-1';
      if (!url.startsWith('/metadata/scheduledevents')) return undefined;
      looks += 1;
      const others = [event('Preempt', 'vm-2'), event('Reboot', 'vm-1')];
      const events = looks < 3 ? others : [...others, event('Preempt', 'vm-1')];
      return `{ "DocumentIncarnation": ${looks}, "Events": [ ${events.join(',\n')} ] }`;
    });
    assert.deepEqual([looks, asked.length], [3, 1], output);
    assert.match(asked[0] ?? '', /^evacuate --reason Azure: vm-1 is about to be taken away --deadline 20s/);
  });

  it('says once that the metadata do not answer, and goes on', async () => {
    let looks = 0;
    const { asked, output } = await watch('gcp', () => {
      looks += 1;
      return looks < 4 ? undefined : 'TRUE';
    });
    assert.deepEqual([looks, asked.length], [4, 1]);
    assert.equal(output.split('do not answer').length, 2, output);
  });

  it('of no cloud is wrong usage', async () => {
    program('cnvm');
    assert.equal((await run('spot-watch', ['ibm'])).code, 2);
    assert.deepEqual(calls('cnvm'), []);
  });

  it('empties the node when its machine goes down, and at no other stop of the unit', async () => {
    program('cnvm', 'exit 1');
    program('systemctl', 'echo running');
    assert.equal((await run('evacuate-on-shutdown', [])).code, 0);
    assert.deepEqual(calls('cnvm'), []);
    program('systemctl', 'echo stopping; exit 1');
    const { code } = await run('evacuate-on-shutdown', [], {
      CNVM_EVACUATE_DEADLINE: '5m',
      CNVM_EVACUATE_PARALLEL: '3',
    });
    assert.equal(code, 1);
    assert.deepEqual(calls('cnvm'), ['evacuate --reason its machine goes down --deadline 5m --parallel 3']);
  });

  it('lets new work come when the machine is up again, and waits for the daemon', async () => {
    program('cnvm', `[ $(wc -l < ${directory()}/cnvm.calls) -ge 2 ]`);
    assert.equal((await run('evacuate-on-shutdown', ['back'])).code, 0);
    assert.deepEqual(calls('cnvm'), Array(2).fill('uncordon --if-reason its machine goes down'));
  });
});
