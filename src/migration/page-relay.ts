/**
 * The source's loopback end for criu's pages: criu connects here, and the bytes go through the stream that the target
 * has opened. Invariant: exactly one connection is taken, and only while the dump runs; breaking it makes criu roll back.
 */
import { createServer, type Server, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { pipeline } from 'node:stream/promises';

export interface PageRelay {
  /** HOST:PORT for criu. */
  readonly endpoint: string;
  /** Gives it the target's stream; resolves when every page has gone to it. */
  attach(stream: Duplex): Promise<void>;
  /** Breaks what is connected and listens no more. Harmless twice. */
  close(): void;
}

/** @param onBytes told how many bytes of pages went to the target. */
export async function openPageRelay(onBytes: (count: number) => void): Promise<PageRelay> {
  let giveConnection: (socket: Socket) => void = () => undefined;
  let refuseConnection: (error: Error) => void = () => undefined;
  const connection = new Promise<Socket>((resolve, reject) => {
    giveConnection = resolve;
    refuseConnection = reject;
  });
  connection.catch(() => undefined);
  let current: Socket | undefined;
  const server = createServer({ pauseOnConnect: true, noDelay: true }, (socket) => {
    server.close();
    current = socket;
    socket.on('error', () => undefined);
    giveConnection(socket);
  });
  const port = await listen(server);
  let stream: Duplex | undefined;
  return {
    endpoint: `127.0.0.1:${port}`,
    async attach(theirs) {
      stream = theirs;
      const socket = await connection;
      socket.on('data', (chunk) => onBytes(chunk.length));
      // criu hangs up when its last acknowledgement has come, and so breaks this way; how all went, the other way says.
      pipeline(theirs, socket).catch(() => undefined);
      await pipeline(socket, theirs);
    },
    close() {
      server.close();
      current?.destroy();
      stream?.destroy();
      refuseConnection(new Error('the page relay is closed'));
    },
  };
}

async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host: '127.0.0.1', port: 0, backlog: 1 }, resolve);
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the page relay has no port');
  return address.port;
}
