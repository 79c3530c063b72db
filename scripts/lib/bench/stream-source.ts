/**
 * The source of the stream benchmark, a process of its own: sends the same bytes in the same pieces by each way, each way
 * on a connection that stays open over the rounds. Invariant: a way sends exactly what was asked for.
 */
import { readFileSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { createServer as createTlsServer } from 'node:tls';
import { pino } from 'pino';
import { tuneHeap } from '../../../src/base/heap.js';
import { createPageRelay } from '../../../src/migration/page-relay.js';
import type { BulkPort } from '../../../src/migration/peer-port.js';
import { type RpcOptions, startRpc } from '../../../src/rpc/server.js';
import { fixedTrust } from '../../../src/rpc/trust.js';
import { cpuSeconds, REQUEST_BYTES, type SourcePorts, type StreamCall, type StreamOrder } from './stream-ways.js';

tuneHeap();
const { tls, socket, chunkBytes, bytes } = JSON.parse(process.argv[2] ?? '{}') as StreamOrder;
const chunk = Buffer.alloc(chunkBytes, 0x5a);

/** Writes `total` bytes as fast as they are taken, and no faster. */
function push(to: Socket, total: number): void {
  let left = total;
  const more = () => {
    while (left > 0) {
      const piece = left < chunk.length ? chunk.subarray(0, left) : chunk;
      left -= piece.length;
      if (!to.write(piece)) {
        to.once('drain', more);
        return;
      }
    }
  };
  more();
}

/** Each request is a number of bytes; it is answered with as many. */
function answer(client: Socket): void {
  client.setNoDelay();
  client.on('error', () => client.destroy());
  client.on('data', (request: Buffer) => {
    if (request.length !== REQUEST_BYTES) throw new Error(`a request of ${request.length} bytes`);
    push(client, Number(request.readBigUInt64BE()));
  });
}

async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen({ host: '127.0.0.1', port: 0 }, resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the source has no port');
  return address.port;
}

/** In the place of criu's dump: pages from memory, and what comes back is read. */
function dump(): Duplex {
  let left = bytes;
  return new Duplex({
    read() {
      const piece = left < chunk.length ? chunk.subarray(0, left) : chunk;
      left -= piece.length;
      this.push(piece.length === 0 ? null : piece);
    },
    write: (_chunk, _encoding, done) => done(),
  });
}

const bulk: BulkPort = {
  async tunnel(_migration, _channel, _from, stream) {
    const relay = createPageRelay(() => undefined);
    relay.takePages(dump());
    await relay.attach(stream);
  },
  pullImages: () => {
    throw new Error('no images are served here');
  },
};

/** What this server is never asked for. */
const UNSERVED = [
  'cnvms',
  'diagnosis',
  'evacuations',
  'identity',
  'images',
  'migrations',
  'nodes',
  'snapshots',
  'target',
  'watching',
] as const;
const nothing = Object.fromEntries(UNSERVED.map((name) => [name, {}])) as unknown as Pick<
  RpcOptions,
  (typeof UNSERVED)[number]
>;
const describe = () => Promise.reject(new Error('no facts are told here'));
const server = await startRpc({
  ...{
    ...nothing,
    node: 'node1',
    network: '10.100.0.0/16',
    listen: '127.0.0.1:0',
    socket,
    socketGroup: '-',
    readers: undefined,
    bulk,
    patience: 1,
  },
  trust: fixedTrust(tls),
  mesh: { describe, announced: describe, asked: describe },
  reservations: { asked: () => ({ granted: true }), released: () => undefined },
  onward: () => undefined,
  onwardTo: () => undefined,
  log: pino({ level: 'silent' }),
});
const pair = { key: readFileSync(tls.key), cert: readFileSync(tls.cert), ca: readFileSync(tls.ca) };
const secure = createTlsServer({ ...pair, requestCert: true, rejectUnauthorized: true }, answer);
const ports: SourcePorts = {
  tcp: await listen(createServer(answer)),
  tls: await listen(secure),
  stream: server.port,
};
process.send?.(ports);
process.on('message', (call: StreamCall) => {
  if (call === 'cpu') process.send?.(cpuSeconds());
});
process.on('disconnect', () => process.exit(0));
