/** Two ends of one byte stream, in one process. */
import { once } from 'node:events';
import { createConnection, createServer, type Socket } from 'node:net';

export async function streamPair(): Promise<[Socket, Socket]> {
  const server = createServer({ allowHalfOpen: true });
  server.listen({ host: '127.0.0.1', port: 0 });
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the stream has no port');
  const accepted = once(server, 'connection') as Promise<[Socket]>;
  const one = createConnection({ host: '127.0.0.1', port: address.port, allowHalfOpen: true });
  const [other] = await accepted;
  server.close();
  for (const socket of [one, other]) socket.on('error', () => undefined);
  return [one, other];
}
