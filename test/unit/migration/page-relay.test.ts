import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createConnection, type Socket } from 'node:net';
import { Duplex, PassThrough } from 'node:stream';
import { openPageRelay } from '../../../src/migration/page-relay.js';

async function dial(endpoint: string): Promise<Socket> {
  const socket = createConnection({ host: '127.0.0.1', port: Number(endpoint.split(':')[1]) });
  await once(socket, 'connect');
  return socket;
}

/** A stream whose two directions a test holds. */
function pair(): { stream: Duplex; sent: PassThrough; reply: PassThrough } {
  const [sent, reply] = [new PassThrough(), new PassThrough()];
  return { stream: Duplex.from({ readable: reply, writable: sent }), sent, reply };
}

describe('the page relay', () => {
  it('carries both directions, whichever side comes first, and counts', async () => {
    let counted = 0;
    const relay = await openPageRelay((count) => {
      counted += count;
    });
    const criu = await dial(relay.endpoint);
    criu.write('pages');
    const { stream, sent, reply } = pair();
    const done = relay.attach(stream);
    assert.equal((await once(sent, 'data')).toString(), 'pages');
    reply.write('ack');
    assert.equal((await once(criu, 'data')).toString(), 'ack');
    criu.end();
    reply.end();
    await done;
    assert.equal(counted, 5);
  });

  it('takes one connection and no second', async () => {
    const relay = await openPageRelay(() => undefined);
    const first = await dial(relay.endpoint);
    await assert.rejects(dial(relay.endpoint), /ECONNREFUSED/);
    relay.close();
    first.destroy();
  });

  it('breaks the connection when it is closed, so that criu rolls back', async () => {
    const relay = await openPageRelay(() => undefined);
    const criu = await dial(relay.endpoint);
    criu.on('error', () => undefined);
    const { stream } = pair();
    relay.attach(stream).catch(() => undefined);
    relay.close();
    await once(criu, 'close');
  });
});
