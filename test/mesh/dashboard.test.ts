/** The dashboard over HTTP, of a mesh of real daemons. */
import assert from 'node:assert/strict';
import { rmSync, symlinkSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { join } from 'node:path';
import { loopbackOf } from '../../src/cli/dashboard-server.js';
import type { PageChange, PageMigration, PageSnapshot } from '../../src/dashboard/words.js';
import { temporary } from '../support/temporary.js';
import { type OpenDashboard, openDashboard } from './open-dashboard.js';
import { eventually, NAME, testMesh } from './support.js';

interface Heard {
  readonly event: string;
  readonly data: unknown;
}

describe('the dashboard', () => {
  const mesh = testMesh(['node1', 'node2', 'node3']);
  let server: OpenDashboard;
  const reading: AbortController[] = [];

  const directory = temporary();
  /** Each daemon of a node has a socket of its own here; under one name, as on a real node. */
  const socket = () => join(directory(), 'cnvmd.sock');
  function link(): void {
    rmSync(socket(), { force: true });
    symlinkSync(mesh().node('node3').readerSocket(), socket());
  }

  beforeEach(async () => {
    link();
    server = await openDashboard(socket());
  });
  afterEach(async () => {
    for (const one of reading.splice(0)) one.abort();
    await server.close();
  });

  /** What a browser hears, from now on. */
  function listen(): Heard[] {
    const heard: Heard[] = [];
    const gone = new AbortController();
    reading.push(gone);
    const read = async () => {
      const response = await fetch(`${server.url}events`, { signal: gone.signal });
      assert.equal(response.headers.get('content-type'), 'text/event-stream');
      let text = '';
      for await (const chunk of response.body ?? []) {
        text += Buffer.from(chunk as Uint8Array).toString();
        const parts = text.split('\n\n');
        text = parts.pop() ?? '';
        for (const part of parts) {
          const match = /^event: (\w+)\ndata: (.*)$/.exec(part);
          if (match !== null) heard.push({ event: match[1] ?? '', data: JSON.parse(match[2] ?? '') });
        }
      }
    };
    read().catch(() => undefined);
    return heard;
  }

  /** With headers that a browser would not let a page set. */
  async function ask(path: string, headers: Record<string, string> = {}, method = 'GET') {
    return await new Promise<{ status: number; body: string; headers: Record<string, unknown> }>((resolve, reject) => {
      const request = httpRequest(new URL(path, server.url), { headers, method }, (response) => {
        let body = '';
        response.on('data', (chunk) => (body += chunk));
        response.on('end', () => resolve({ status: response.statusCode ?? 0, body, headers: response.headers }));
      });
      request.on('error', reject);
      request.end();
    });
  }

  it('tells a page how the mesh stands, and each step of a move between two other nodes', async () => {
    await mesh().node('node1').create(NAME);
    const heard = listen();
    await eventually('the cnvm', () => JSON.stringify(heard).includes(NAME));
    const first = heard[0]?.data as PageSnapshot;
    assert.equal(first.node, 'node3');
    assert.deepEqual(first.nodes.map(({ name, state }) => `${name} ${state}`).sort(), [
      'node1 alive',
      'node2 alive',
      'node3 alive',
    ]);
    assert.equal((await mesh().node('node1').teleport(NAME, 'node2')).outcome, 'succeeded');
    const moves = () =>
      heard.flatMap(({ event, data }) => {
        const { kind, value } = data as PageChange;
        return event === 'change' && kind === 'migration' && value !== undefined ? [value as PageMigration] : [];
      });
    await eventually('the end', () => moves().some(({ outcome }) => outcome === 'succeeded'));
    const phases = [...new Set(moves().map(({ phase }) => phase))];
    assert.deepEqual(
      phases,
      ['negotiate', 'seed', 'precopy', 'freeze', 'hand-over', 'activate', 'release'].filter((phase) =>
        phases.includes(phase),
      ),
    );
    assert.ok(phases.includes('freeze') && phases.includes('activate'));
    const ended = moves().at(-1);
    assert.ok((ended?.downtimeMs ?? 0) > 0 && (ended?.endMs ?? 0) > 0);
    // Who comes late has it in the history.
    const late = listen();
    await eventually('a snapshot', () => late.length > 0);
    const snapshot = late[0]?.data as PageSnapshot;
    assert.equal(snapshot.migrations[0]?.outcome, 'succeeded');
    assert.equal(snapshot.cnvms.find(({ name }) => name === NAME)?.owner, 'node2');
  });

  it('says when the daemon is gone, and how it stands when it is back', async () => {
    const heard = listen();
    await eventually('a snapshot', () => heard.length > 0);
    await mesh().node('node3').stop();
    await eventually('that it is gone', () => heard.some(({ event }) => event === 'down'));
    await mesh().node('node1').create('meanwhile');
    await mesh().node('node3').begin();
    link();
    await eventually('a new snapshot', () => heard.filter(({ event }) => event === 'snapshot').length >= 2, 15_000);
    await eventually('what has come meanwhile', () => JSON.stringify(heard).includes('meanwhile'));
  });

  it('serves the page and what it needs, with a policy that lets in nothing else', async () => {
    const { status, body, headers } = await ask('/');
    assert.equal(status, 200);
    for (const [, file] of body.matchAll(/(?:src|href)="([^"]+)"/g)) {
      const found = await ask(`/${file}`);
      assert.equal(found.status, 200, file);
      assert.ok(found.body.length > 100, file);
    }
    assert.match(
      String(headers['content-security-policy']),
      /^default-src 'none'; script-src 'self'; style-src 'self';/,
    );
    assert.doesNotMatch(body, /<script>|style="|onclick=|https?:\/\//, 'what the policy would not let in');
    assert.match(body, /name="viewport"/);
    assert.equal(headers['x-content-type-options'], 'nosniff');
    assert.equal((await ask('/../package.json')).status, 404);
    assert.equal((await ask('/words.js')).status, 404);
  });

  it('answers no other name, no page of another site, and no order', async () => {
    const { host } = new URL(server.url);
    assert.equal((await ask('/', { host: 'evil.example' })).status, 421);
    assert.equal((await ask('/events', { host: `rebound.example:${host.split(':')[1]}` })).status, 421);
    assert.equal((await ask('/', { host: '127.0.0.1:1' })).status, 421, 'of another port');
    assert.equal((await ask('/', { host: host.replace('127.0.0.1', 'localhost') })).status, 200);
    assert.equal((await ask('/', { 'sec-fetch-site': 'cross-site' })).status, 403);
    assert.equal((await ask('/events', {}, 'POST')).status, 405);
  });

  it('is served on loopback alone', () => {
    for (const wrong of [
      '0.0.0.0:8477',
      '10.0.0.1:8477',
      '[::]:8477',
      'node1:8477',
      '127.0.0.1',
      '127.0.0.1:70000',
      'localhost.evil:1',
    ])
      assert.throws(() => loopbackOf(wrong), /loopback|HOST:PORT/, wrong);
    assert.deepEqual(loopbackOf('[::1]:80'), { host: '::1', port: 80 });
    assert.deepEqual(loopbackOf('localhost:0'), { host: 'localhost', port: 0 });
  });
});
