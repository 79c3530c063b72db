import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { Server, ServerCredentials, type ServiceError } from '@grpc/grpc-js';
import { pino } from 'pino';
import type { BulkLink } from '../../../src/migration/peer-port.js';
import { initPki, issueNode } from '../../../src/pki/pki-dir.js';
import { bulkService } from '../../../src/rpc/bulk-codec.js';
import { bulkCalls } from '../../../src/rpc/peer-calls.js';
import { createPeerClient } from '../../../src/rpc/peer-client.js';
import { temporary } from '../../support/temporary.js';

/** Several messages, and more than one end's buffers. */
const DATA = Buffer.from('what goes down '.repeat(400_000));

describe('a tunnel', () => {
  const directory = temporary();
  let close: () => void = () => undefined;
  afterEach(() => close());

  /** A real server, whose tunnels `serve` has. */
  async function connect(serve: (stream: Duplex) => Promise<void>): Promise<BulkLink> {
    await initPki(directory(), { force: false });
    await issueNode(directory(), 'node2', { force: false });
    const file = (...path: string[]) => join(directory(), ...path);
    const tls = { ca: file('ca.crt'), cert: file('nodes', 'node2.crt'), key: file('nodes', 'node2.key') };
    const server = new Server();
    const handling = { log: pino({ level: 'silent' }), local: false };
    const pullImages = () => {
      throw new Error('no images here');
    };
    server.addService(bulkService, bulkCalls(handling, { tunnel: (_, __, ___, stream) => serve(stream), pullImages }));
    const pair = { private_key: readFileSync(tls.key), cert_chain: readFileSync(tls.cert) };
    const secure = ServerCredentials.createSsl(readFileSync(tls.ca), [pair], true);
    const port = await new Promise<number>((resolve, reject) => {
      server.bindAsync('127.0.0.1:0', secure, (error, bound) => (error === null ? resolve(bound) : reject(error)));
    });
    const client = createPeerClient({ name: 'node2', endpoint: `127.0.0.1:${port}` }, tls);
    close = () => {
      client.close();
      server.forceShutdown();
    };
    return client.bulk;
  }

  it('of a program that hangs up first is whole all the same', async () => {
    const link = await connect(async (stream) => {
      await once(stream, 'readable');
      await pipeline([DATA], stream, { end: true });
      // The other end has not said that it is done: a program that has ended does not hear it any more.
      stream.destroy();
    });
    const stream = link.tunnel('m', 'disk', 0);
    stream.write('give me all');
    const got: Uint8Array[] = [];
    stream.on('data', (chunk: Uint8Array) => got.push(chunk));
    await once(stream, 'end');
    assert.ok(Buffer.concat(got).equals(DATA));
    stream.destroy();
  });

  it('carries what goes up beside what goes up in others', async () => {
    const link = await connect(async (stream) => {
      // An echo: what was mixed up with another stream's comes back so, or breaks both.
      await pipeline(stream, stream);
    });
    const echoes = [1, 2, 3].map(async (fill) => {
      const stream = link.tunnel('m', 'disk', 0);
      const got: Uint8Array[] = [];
      stream.on('data', (chunk: Uint8Array) => got.push(chunk));
      const ended = once(stream, 'end');
      for (let piece = 1; piece <= 100; piece += 1) stream.write(Buffer.alloc(piece * 10, fill));
      stream.end();
      await ended;
      const all = Buffer.concat(got);
      assert.ok(all.equals(Buffer.alloc(50_500, fill)), `${all.length} bytes, not all of them its own`);
    });
    await Promise.all(echoes);
  });

  it('that is broken by its server is told so', async () => {
    const link = await connect(async (stream) => {
      stream.write('a part of it');
      await once(stream, 'readable');
      stream.destroy(new Error('the disk is gone'));
    });
    const stream = link.tunnel('m', 'disk', 0);
    stream.write('give me all');
    stream.resume();
    const [error] = (await once(stream, 'error')) as [ServiceError];
    assert.match(error.message, /the disk is gone/);
  });
});
