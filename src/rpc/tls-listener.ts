/**
 * TLS in front of a gRPC server. Invariant: whoever is not let in reaches no byte of HTTP/2; a new certificate serves from the
 * next connection on, and those that stand go on.
 *
 * grpc-js could do TLS itself, but then nobody could look at the connections that stand, nor cut them.
 */
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createServer, type TLSSocket, type TlsOptions } from 'node:tls';
import { type Server, ServerCredentials } from '@grpc/grpc-js';
import { messageOf, refused } from '../base/errors.js';
import { TLS } from './trust.js';

export interface TlsListenerOptions {
  /** HOST:PORT; port 0 takes any that is free. */
  readonly listen: string;
  readonly context: () => Pick<TlsOptions, 'ca' | 'cert' | 'key'>;
  /** Whether who comes must show a certificate of `ca`. */
  readonly mutual: boolean;
  /** Cuts what must not come in, and says so with a reason. */
  readonly admit: (socket: TLSSocket) => string | undefined;
  readonly handshakeMs: number;
  /** More at once are cut. Undefined: any number. */
  readonly connectionsMax?: number;
}

export interface TlsListener {
  readonly port: number;
  /** Afterwards `context` as it is now serves. */
  renew(): void;
  /** Takes no new connections; those that stand are the gRPC server's affair. */
  close(): void;
}

const PROTOCOL = 'h2';

/** @throws `refused` when the port is taken or the certificate cannot be used. */
export async function listenTls(server: Server, options: TlsListenerOptions): Promise<TlsListener> {
  const { listen, context, mutual, admit, handshakeMs, connectionsMax } = options;
  const injector = server.createConnectionInjector(ServerCredentials.createInsecure());
  const listener = createServer({
    ...TLS,
    ...context(),
    requestCert: mutual,
    rejectUnauthorized: mutual,
    ALPNProtocols: [PROTOCOL],
    handshakeTimeout: handshakeMs,
  });
  if (connectionsMax !== undefined) listener.maxConnections = connectionsMax;
  // Who gives up in the middle is no news.
  listener.on('tlsClientError', () => undefined);
  listener.on('secureConnection', (socket) => {
    socket.on('error', () => undefined);
    if (socket.alpnProtocol !== PROTOCOL || admit(socket) !== undefined) socket.destroy();
    else injector.injectConnection(socket);
  });
  const colon = listen.lastIndexOf(':');
  listener.listen(Number(listen.slice(colon + 1)), listen.slice(0, colon).replace(/^\[|\]$/g, ''));
  try {
    await once(listener, 'listening');
  } catch (error) {
    throw refused('unavailable', `cannot listen on ${listen}: ${messageOf(error)}`, { cause: error });
  }
  return {
    port: (listener.address() as AddressInfo).port,
    renew: () => listener.setSecureContext({ ...TLS, ...context() }),
    close: () => void listener.close(),
  };
}
