/**
 * The benchmark's part "stream": the same bytes over a bare TCP socket, a bare TLS socket and the tunnel of a migration,
 * in turn, between two processes; once straight, once behind a delay. In the place of criu are a plain source and sink of
 * bytes; tunnel, relay, server and client are the daemon's own, sums and mutual TLS included. Invariant: afterwards no
 * process and no file of it is left.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { initPki, issueNode } from '../../../src/pki/pki-dir.js';
import { ratioOfMedians, spreadOf } from './statistics.js';
import { type SourcePorts, type StreamCall, type StreamOrder, WAYS, type Way, type WayResult } from './stream-ways.js';

/** What criu and its socket give at once is smaller; the bare sockets are best with this. */
const CHUNK_BYTES = 256 * 1024;
const ROUND_BYTES = 256 * 1024 * 1024;
const GIB = 1024 ** 3;
/** In each direction. */
const DELAY_MS = 10;

export interface StreamResult {
  readonly bytes: number;
  readonly delayMs: number;
  /** Megabytes a second, one figure a round. */
  readonly straight: Rates;
  readonly delayed: Rates;
  /** Straight; behind the delay it is the same. */
  readonly cpuSPerGib: Costs;
  readonly ratios: {
    readonly streamVsTls: number;
    readonly streamVsTcp: number;
    readonly streamVsTlsAt10ms: number;
    readonly streamVsTcpAt10ms: number;
  };
}

/** When it was not measured. */
export const NO_STREAM_RATIOS = {
  streamVsTls: null,
  streamVsTcp: null,
  streamVsTlsAt10ms: null,
  streamVsTcpAt10ms: null,
};

type Rates = Readonly<Record<Way, readonly number[]>>;

/** CPU seconds a GiB, one figure a round. */
export interface Costs {
  readonly source: Rates;
  readonly target: Rates;
}

interface Measured {
  readonly rates: Rates;
  readonly costs: Costs;
}

/** @param say told what is being done. */
export async function measureStream(
  rounds: number,
  signal: AbortSignal,
  say: (text: string) => void,
): Promise<StreamResult> {
  const directory = mkdtempSync(join(tmpdir(), 'cnvm-bench-'));
  const children: ChildProcess[] = [];
  async function start<T>(file: string, order: unknown): Promise<[ChildProcess, T]> {
    const path = fileURLToPath(new URL(file, import.meta.url));
    const child = fork(path, [JSON.stringify(order)], { execArgv: ['--import', 'tsx'], signal });
    children.push(child);
    child.on('error', () => undefined);
    return [child, await answerOf<T>(child)];
  }
  try {
    await initPki(directory, { force: false });
    for (const node of ['node1', 'node2']) await issueNode(directory, node, { force: false });
    const order: StreamOrder = {
      tls: tlsIn(directory, 'node1'),
      socket: join(directory, 'cnvmd.sock'),
      chunkBytes: CHUNK_BYTES,
      bytes: ROUND_BYTES,
    };
    const [source, ports] = await start<SourcePorts>('stream-source.ts', order);
    const [, late] = await start<SourcePorts>('delay-proxy.ts', { ports, delayMs: DELAY_MS });
    const measured: Measured[] = [];
    for (const [where, at] of [
      ['straight', ports],
      [`behind ${DELAY_MS} ms`, late],
    ] as const) {
      say(`stream, ${where} ...`);
      const [target] = await start<'ready'>('stream-target.ts', {
        ...order,
        tls: tlsIn(directory, 'node2'),
        ports: at,
      });
      measured.push(await run({ source, target }, rounds, signal));
    }
    const [straight, delayed] = measured;
    if (straight === undefined || delayed === undefined) throw new Error('nothing was measured');
    return resultOf(straight, delayed);
  } finally {
    await Promise.all(children.map(end));
    rmSync(directory, { recursive: true, force: true });
  }
}

/** The first round of each opens windows and warms caches, and is not counted. */
async function run(
  ends: Readonly<Record<'source' | 'target', ChildProcess>>,
  rounds: number,
  signal: AbortSignal,
): Promise<Measured> {
  const none = (): Record<Way, number[]> => ({ tcp: [], tls: [], stream: [] });
  const rates = none();
  const costs = { source: none(), target: none() };
  for (let round = 0; round <= rounds; round += 1) {
    for (const way of WAYS) {
      signal.throwIfAborted();
      const before = { source: await cpuOf(ends.source), target: await cpuOf(ends.target) };
      const { ms } = await ask<WayResult>(ends.target, { pull: way });
      const spent = {
        source: (await cpuOf(ends.source)) - before.source,
        target: (await cpuOf(ends.target)) - before.target,
      };
      if (round === 0) continue;
      rates[way].push(ROUND_BYTES / ms / 1000);
      for (const end of ['source', 'target'] as const) costs[end][way].push((spent[end] * GIB) / ROUND_BYTES);
    }
  }
  return { rates, costs };
}

async function ask<T>(child: ChildProcess, call: StreamCall): Promise<T> {
  child.send(call);
  return await answerOf<T>(child);
}

const cpuOf = (child: ChildProcess) => ask<number>(child, 'cpu');

function resultOf({ rates: straight, costs }: Measured, { rates: delayed }: Measured): StreamResult {
  return {
    ...{ bytes: ROUND_BYTES, delayMs: DELAY_MS, straight, delayed, cpuSPerGib: costs },
    ratios: {
      streamVsTls: ratioOfMedians(straight.stream, straight.tls),
      streamVsTcp: ratioOfMedians(straight.stream, straight.tcp),
      streamVsTlsAt10ms: ratioOfMedians(delayed.stream, delayed.tls),
      streamVsTcpAt10ms: ratioOfMedians(delayed.stream, delayed.tcp),
    },
  };
}

/** Lines for people, each ended. */
export function streamTable({ straight, delayed, delayMs, cpuSPerGib }: StreamResult): string {
  const rates = { straight, [`${delayMs} ms each way`]: delayed };
  const costs = { "source's CPU": cpuSPerGib.source, "target's CPU": cpuSPerGib.target };
  return table('stream, MB/s', rates, 0) + table('stream, CPU s/GiB', costs, 2);
}

function table(head: string, parts: Readonly<Record<string, Rates>>, digits: number): string {
  const line = (name: string, cells: readonly string[]) =>
    `${name.padEnd(32)}${cells.map((cell) => cell.padStart(9)).join('')}\n`;
  const lines = Object.entries(parts).flatMap(([where, figures]) =>
    WAYS.map((way) => {
      const { median, min, max } = spreadOf(figures[way]);
      return line(
        `${where}: ${way}`,
        [median, min, max].map((figure) => figure.toFixed(digits)),
      );
    }),
  );
  return [line(head, ['median', 'min', 'max']), ...lines].join('');
}

function tlsIn(directory: string, node: string) {
  const at = (...path: string[]) => join(directory, ...path);
  return { ca: at('ca.crt'), cert: at('nodes', `${node}.crt`), key: at('nodes', `${node}.key`) };
}

/** The next message of a child. @throws when it ends before. */
async function answerOf<T>(child: ChildProcess): Promise<T> {
  return await new Promise<T>((resolve, reject) => {
    const gone = (code: number | null) => reject(new Error(`a process of the stream benchmark ended with ${code}`));
    child.once('exit', gone);
    child.once('message', (message) => {
      child.off('exit', gone);
      resolve(message as T);
    });
  });
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGKILL');
  await ended;
}
