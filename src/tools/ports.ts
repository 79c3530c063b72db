/** Which ports of this node are in use. */
import { createSocket } from 'node:dgram';
import { createServer } from 'node:net';
import { hasErrno } from '../base/errors.js';

/** Whether a program of this node listens on it, at any of the node's IPv4 addresses. */
export async function isPortBusy(port: number, protocol: 'tcp' | 'udp'): Promise<boolean> {
  try {
    await (protocol === 'tcp' ? tryTcp(port) : tryUdp(port));
    return false;
  } catch (error) {
    if (hasErrno(error, 'EADDRINUSE')) return true;
    throw error;
  }
}

async function tryTcp(port: number): Promise<void> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ port, host: '0.0.0.0', exclusive: true }, resolve);
  });
  await new Promise((resolve) => server.close(resolve));
}

async function tryUdp(port: number): Promise<void> {
  const socket = createSocket('udp4');
  await new Promise<void>((resolve, reject) => {
    socket.once('error', reject);
    socket.bind({ port, address: '0.0.0.0', exclusive: true }, () => resolve());
  });
  await new Promise<void>((resolve) => socket.close(() => resolve()));
}
