/** One direction of the way between two daemons, as a TCP relay that can be cut and healed. */
import { createConnection, createServer, type Server, type Socket } from 'node:net';

export type LinkProxy = Awaited<ReturnType<typeof openLinkProxy>>;

/** @param portOf where the called daemon serves now; undefined when it does not. */
export async function openLinkProxy(portOf: () => number | undefined) {
  const sockets = new Set<Socket>();
  let whole = true;
  let dead = false;

  function join(client: Socket): void {
    const port = portOf();
    sockets.add(client);
    client.on('error', () => undefined).on('close', () => sockets.delete(client));
    if (dead) return;
    if (!whole || port === undefined) {
      client.destroy();
      return;
    }
    const server = createConnection({ host: '127.0.0.1', port, noDelay: true });
    sockets.add(server);
    server.on('error', () => undefined).on('close', () => sockets.delete(server));
    client.pipe(server).pipe(client);
    client.on('close', () => server.destroy());
    server.on('close', () => client.destroy());
  }

  const server = createServer({ noDelay: true }, join);
  const port = await listen(server);
  return {
    port,
    /** Breaks what is connected; nobody gets through until `heal`. */
    cut(): void {
      whole = false;
      for (const socket of sockets) socket.destroy();
    },
    heal(): void {
      whole = true;
    },
    /** What is connected is dead, and is told so when it next says something; who calls again gets through. */
    forget(): void {
      for (const socket of sockets) {
        socket.unpipe();
        socket.removeAllListeners('data');
        socket.on('data', () => socket.resetAndDestroy()).resume();
      }
    },
    /** Who calls now hears nothing, and never will: the kernel repeats a call ever more rarely. */
    stall(): void {
      dead = true;
      this.reset();
    },
    /** Who calls from now on gets through. */
    flow(): void {
      dead = false;
    },
    /** Breaks what is connected; who calls again gets through. */
    reset(): void {
      for (const socket of sockets) socket.resetAndDestroy();
    },
    close(): void {
      this.cut();
      server.close();
    },
  };
}

async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen({ host: '127.0.0.1', port: 0 }, resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the relay has no port');
  return address.port;
}
