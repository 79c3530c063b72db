/**
 * A link with a delay, as a TCP relay in a process of its own: each piece is passed on so long after it came, in both
 * directions, and in order. Invariant: it holds what is under way and no more than `UNDER_WAY_BYTES_MAX` of it a direction,
 * which is far above what a window of any of the ways lets be under way.
 */
import { createConnection, createServer, type Socket } from 'node:net';
import { performance } from 'node:perf_hooks';
import { type SourcePorts, WAYS, type Way } from './stream-ways.js';

/** 10 ms of 50 Gbit/s. */
const UNDER_WAY_BYTES_MAX = 64 * 1024 * 1024;
/** Timers have whole milliseconds: what is due within half of one is passed on. */
const DUE_MS = 0.5;

const { ports, delayMs } = JSON.parse(process.argv[2] ?? '{}') as { ports: SourcePorts; delayMs: number };

function relay(from: Socket, to: Socket): void {
  const underWay: { readonly piece: Uint8Array; readonly dueMs: number }[] = [];
  let bytes = 0;
  let timer: NodeJS.Timeout | undefined;
  function pass(): void {
    timer = undefined;
    for (let next = underWay[0]; next !== undefined; next = underWay[0]) {
      const left = next.dueMs - performance.now();
      if (left > DUE_MS || to.writableNeedDrain) break;
      underWay.shift();
      bytes -= next.piece.length;
      to.write(next.piece);
    }
    if (bytes < UNDER_WAY_BYTES_MAX) from.resume();
    const [next] = underWay;
    if (next !== undefined && !to.writableNeedDrain) timer = setTimeout(pass, next.dueMs - performance.now());
  }
  from.on('data', (piece: Uint8Array) => {
    underWay.push({ piece, dueMs: performance.now() + delayMs });
    bytes += piece.length;
    if (bytes >= UNDER_WAY_BYTES_MAX) from.pause();
    if (timer === undefined) timer = setTimeout(pass, delayMs);
  });
  to.on('drain', pass);
  from.on('close', () => to.destroy());
  from.on('error', () => from.destroy());
}

async function open(port: number): Promise<number> {
  const server = createServer({ noDelay: true, highWaterMark: 1024 * 1024 }, (client) => {
    const source = createConnection({ host: '127.0.0.1', port, noDelay: true });
    relay(client, source);
    relay(source, client);
  });
  await new Promise<void>((resolve) => server.listen({ host: '127.0.0.1', port: 0 }, resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the relay has no port');
  return address.port;
}

const opened = await Promise.all(WAYS.map(async (way) => [way, await open(ports[way])] as const));
process.send?.(Object.fromEntries(opened) as Record<Way, number>);
process.on('disconnect', () => process.exit(0));
