/** A TCP connection into a cnvm that carries a numbered line every few milliseconds, and what became of the numbers. */
import { once } from 'node:events';
import type { Lab } from './lab.js';

export const STREAM_PORT = 7000;

/** Runs in the cnvm: every client gets its own numbers, from 1 on, a line each 5 ms. */
export const STREAM_SERVER = `
import socket, threading, time
def serve(client):
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    number = 0
    try:
        while True:
            number += 1
            client.sendall(b"%d\\n" % number)
            time.sleep(0.005)
    except OSError:
        pass
server = socket.create_server(("", ${STREAM_PORT}))
while True:
    threading.Thread(target=serve, args=(server.accept()[0],), daemon=True).start()
`;

const MORE_MS = 10_000;

export interface StreamState {
  /** The last number that came. */
  readonly last: number;
  /** Numbers that came out of turn, and ends of the connection. */
  readonly faults: readonly string[];
}

/** Starts the server in the cnvm. It belongs to the cnvm's own init, as a service would. */
export async function startStreamServer(lab: Lab, node: string, address: string): Promise<void> {
  const quoted = STREAM_SERVER.replaceAll("'", `'"'"'`);
  const command = `setsid nohup python3 -c '${quoted}' >/dev/null 2>&1 </dev/null & sleep 0.5`;
  const options = ['-o', 'StrictHostKeyChecking=no', '-o', 'UserKnownHostsFile=/dev/null', '-o', 'LogLevel=ERROR'];
  await lab.must(node, ['sshpass', '-p', 'password', 'ssh', ...options, `user@${address}`, command]);
}

/** Connects from `node`. @throws when no number comes. */
export async function openNumberStream(lab: Lab, node: string, address: string) {
  const child = lab.start(node, ['nc', address, String(STREAM_PORT)]);
  let rest = '';
  let last = 0;
  let lastAt = 0;
  let longestMs = 0;
  const faults: string[] = [];
  let closing = false;
  let wake: () => void = () => undefined;
  child.stdout.on('data', (chunk: Buffer) => {
    const now = performance.now();
    if (lastAt > 0) longestMs = Math.max(longestMs, now - lastAt);
    lastAt = now;
    const lines = `${rest}${chunk.toString()}`.split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) {
      if (Number(line) !== last + 1) faults.push(`${line} came after ${last}`);
      last = Number(line);
    }
    wake();
  });
  child.on('exit', (code, signal) => {
    if (!closing) faults.push(`the connection ended (${code ?? signal})`);
    wake();
  });

  /** Waits for `count` more numbers. @throws when they do not come, or not all of them in turn. */
  async function more(count: number): Promise<void> {
    const goal = last + count;
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      wake();
    }, MORE_MS * lab.slowness);
    while (last < goal && faults.length === 0 && !late)
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    clearTimeout(timer);
    if (late) throw new Error(`no numbers come from ${address}`);
    if (faults.length > 0) throw new Error(`the numbers of ${address} broke: ${faults.join('; ')}`);
  }

  await more(1);
  return {
    more,
    get state(): StreamState {
      return { last, faults };
    },
    /** Forgets the longest silence so far. */
    reset(): void {
      longestMs = 0;
    },
    /** The longest silence since the last reset, one that still lasts included. */
    gapMs: (): number => Math.max(longestMs, performance.now() - lastAt),
    async close(): Promise<void> {
      closing = true;
      if (child.exitCode !== null || child.signalCode !== null) return;
      const exited = once(child, 'exit');
      child.kill('SIGKILL');
      await exited;
    },
  };
}
