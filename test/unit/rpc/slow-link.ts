/** A link that is slow toward its client, as a relay. */
import { createConnection, createServer, type Socket } from 'node:net';

/**
 * A link on which each connection gets so many bytes in each tenth of a second.
 * @param closing gets what ends it. @returns where to connect.
 */
export async function slowLink(port: number, bytesPerTurn: () => number, closing: (() => void)[]): Promise<number> {
  const server = createServer((client) => {
    const far = createConnection({ host: '127.0.0.1', port });
    client.pipe(far);
    const pass = slowly(far, client, bytesPerTurn);
    for (const socket of [client, far]) {
      socket.on('error', () => undefined);
      closing.push(() => socket.destroy());
    }
    closing.push(pass);
  }).listen(0, '127.0.0.1');
  closing.push(() => server.close());
  await new Promise((resolve) => server.once('listening', resolve));
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

function slowly(from: Socket, to: Socket, bytesPerTurn: () => number): () => void {
  from.pause();
  const timer = setInterval(() => {
    const left = Math.min(bytesPerTurn(), from.readableLength);
    // What has come is asked for by its length: asked for more, a stream gives nothing.
    const chunk: unknown = left > 0 ? from.read(left) : from.read(0);
    if (chunk instanceof Buffer) to.write(chunk);
  }, 100);
  return () => clearInterval(timer);
}
