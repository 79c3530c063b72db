/**
 * The target of the stream benchmark, a process of its own: asks for bytes by the way that it is told, and says how long
 * they took. Invariant: a time is told only when every byte has come.
 */
import { readFileSync } from 'node:fs';
import { createConnection, type Socket } from 'node:net';
import { performance } from 'node:perf_hooks';
import type { Duplex } from 'node:stream';
import { connect } from 'node:tls';
import { tuneHeap } from '../../../src/base/heap.js';
import { createPeerClient } from '../../../src/rpc/peer-client.js';
import { fixedTrust } from '../../../src/rpc/trust.js';
import {
  cpuSeconds,
  REQUEST_BYTES,
  type StreamCall,
  type TargetOrder,
  type Way,
  type WayResult,
} from './stream-ways.js';

tuneHeap();
const { tls, bytes, ports } = JSON.parse(process.argv[2] ?? '{}') as TargetOrder;
const host = '127.0.0.1';
const pair = { key: readFileSync(tls.key), cert: readFileSync(tls.cert), ca: readFileSync(tls.ca) };
const peer = createPeerClient({ name: 'node1', endpoint: `${host}:${ports.stream}` }, fixedTrust(tls));
const sockets: Record<'tcp' | 'tls', Socket> = {
  tcp: createConnection({ host, port: ports.tcp, noDelay: true }),
  tls: connect({ ...pair, host, port: ports.tls, servername: 'node1', checkServerIdentity: () => undefined }),
};
sockets.tls.setNoDelay();

/** Resolves when as many bytes as were asked for have come. */
async function all(from: Duplex): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    let got = 0;
    const onData = (piece: Uint8Array) => {
      got += piece.length;
      if (got > bytes) reject(new Error(`${got} bytes came, of ${bytes}`));
      if (got === bytes) {
        from.off('data', onData);
        resolve();
      }
    };
    from.on('data', onData);
    from.once('error', reject);
  });
}

async function pull(way: Way): Promise<number> {
  const from = performance.now();
  if (way === 'stream') {
    const stream = peer.bulk.tunnel('m', 'pages', 0);
    await all(stream);
    stream.end();
  } else {
    const request = Buffer.alloc(REQUEST_BYTES);
    request.writeBigUInt64BE(BigInt(bytes));
    sockets[way].write(request);
    await all(sockets[way]);
  }
  return performance.now() - from;
}

process.on('message', (call: StreamCall) => {
  if (call === 'cpu') process.send?.(cpuSeconds());
  else void pull(call.pull).then((ms) => process.send?.({ way: call.pull, ms } satisfies WayResult));
});
process.send?.('ready');
process.on('disconnect', () => process.exit(0));
