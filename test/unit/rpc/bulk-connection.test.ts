import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Server, ServerCredentials, type ServerDuplexStream } from '@grpc/grpc-js';
import * as wire from '../../../src/gen/cnvm/peer/v1/peer.js';
import { initPki, issueNode } from '../../../src/pki/pki-dir.js';
import { createPeerClient, type PeerClient, type TlsFiles } from '../../../src/rpc/peer-client.js';
import { temporary } from '../../support/temporary.js';

/** Longer than the first tries of a connection take, so that it waits for one of the later. */
const LATE_MS = 1_000;

describe('the bulk of a link that has just healed', () => {
  const directory = temporary();
  let client: PeerClient | undefined;
  let server: Server | undefined;

  afterEach(() => {
    client?.close();
    server?.forceShutdown();
  });

  it('waits until it is connected again', async () => {
    const tls = await issue(directory());
    const first = await serve(tls, '127.0.0.1:0');
    first.server.forceShutdown();
    const endpoint = `127.0.0.1:${first.port}`;
    client = createPeerClient({ name: 'node2', endpoint }, tls);
    const stream = client.bulk.tunnel('m', 'disk');
    const data = once(stream, 'data');
    await sleep(LATE_MS);
    ({ server } = await serve(tls, endpoint));
    assert.equal(String((await data)[0]), 'here');
    stream.destroy();
  });
});

async function issue(directory: string): Promise<TlsFiles> {
  await initPki(directory, { force: false });
  await issueNode(directory, 'node2', { force: false });
  const file = (...path: string[]) => join(directory, ...path);
  return { ca: file('ca.crt'), cert: file('nodes', 'node2.crt'), key: file('nodes', 'node2.key') };
}

/** Sends a word on every tunnel. */
async function serve(tls: TlsFiles, endpoint: string): Promise<{ server: Server; port: number }> {
  const server = new Server();
  const tunnel = (call: ServerDuplexStream<wire.TunnelRequest, wire.TunnelResponse>) => {
    call.write({ data: Buffer.from('here'), end: undefined, zstd: Buffer.alloc(0) });
  };
  server.addService({ tunnel: wire.BulkServiceService.tunnel }, { tunnel });
  const pair = { private_key: readFileSync(tls.key), cert_chain: readFileSync(tls.cert) };
  const credentials = ServerCredentials.createSsl(readFileSync(tls.ca), [pair], true);
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync(endpoint, credentials, (error, bound) => (error === null ? resolve(bound) : reject(error)));
  });
  return { server, port };
}
