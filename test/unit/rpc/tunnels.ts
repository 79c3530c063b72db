/** A peer that serves tunnels, and says what it is; nothing else. */
import { readFileSync } from 'node:fs';
import type { Duplex } from 'node:stream';
import { Server, ServerCredentials } from '@grpc/grpc-js';
import { pino } from 'pino';
import { MeshServiceService } from '../../../src/gen/cnvm/peer/v1/peer.js';
import type { BulkLink } from '../../../src/migration/peer-port.js';
import { bulkService } from '../../../src/rpc/bulk-codec.js';
import { bulkCalls, meshCalls } from '../../../src/rpc/peer-calls.js';
import { createPeerClient, type PeerClient } from '../../../src/rpc/peer-client.js';
import { fixedTrust } from '../../../src/rpc/trust.js';
import { facts, NO_CARD } from '../../support/samples.js';
import { issue } from './probes.js';

/**
 * A real server, whose tunnels `serve` has, and a client of it.
 * @param through where the client connects to reach the server at that port.
 */
export async function openTunnels(
  directory: string,
  serve: (stream: Duplex) => Promise<void>,
  through: (port: number) => Promise<number> = (port) => Promise.resolve(port),
): Promise<{ peer: PeerClient; link: BulkLink; close: () => void }> {
  const tls = await issue(directory);
  const server = new Server();
  const handling = { log: pino({ level: 'silent' }) };
  const pullImages = () => {
    throw new Error('no images here');
  };
  server.addService(bulkService, bulkCalls(handling, { tunnel: (_, __, ___, stream) => serve(stream), pullImages }));
  const mesh = {
    describe: () => Promise.resolve(facts('node2')),
    announced: () => Promise.resolve({ holdings: [], overlay: NO_CARD }),
    asked: () => Promise.reject(new Error('nobody is a member here')),
  };
  server.addService(MeshServiceService, meshCalls(handling, mesh, 'node2'));
  const pair = { private_key: readFileSync(tls.key), cert_chain: readFileSync(tls.cert) };
  const secure = ServerCredentials.createSsl(readFileSync(tls.ca), [pair], true);
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', secure, (error, bound) => (error === null ? resolve(bound) : reject(error)));
  });
  const client = createPeerClient({ name: 'node2', endpoint: `127.0.0.1:${await through(port)}` }, fixedTrust(tls));
  return {
    peer: client,
    link: client.bulk,
    close() {
      client.close();
      server.forceShutdown();
    },
  };
}
