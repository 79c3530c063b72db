/** The figures over HTTP, for Prometheus. Invariant: nothing but them is served, and nothing is changed by it. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import { messageOf, refused } from '../base/errors.js';
import { hostOf } from '../mesh/find-peer.js';

export interface MetricsServer {
  readonly port: number;
  close(): void;
}

const PATH = '/metrics';
/** Prometheus asks every 15 s, and gives up after 10. */
const REQUEST_MS = 10_000;
/** Several that scrape, and a person that looks. */
const CONNECTIONS_MAX = 20;

/** @param listen HOST:PORT; port 0 takes any that is free. @throws `refused` when it is taken. */
export async function serveMetrics(listen: string, registry: Registry, log: Logger): Promise<MetricsServer> {
  const server = createServer((request, response) => {
    answer(registry, request, response).catch((error: unknown) => {
      log.error({ error: messageOf(error) }, 'the figures could not be gathered');
      if (!response.headersSent) response.writeHead(500);
      response.end();
    });
  });
  server.requestTimeout = REQUEST_MS;
  server.headersTimeout = REQUEST_MS;
  server.maxConnections = CONNECTIONS_MAX;
  server.listen(Number(listen.slice(listen.lastIndexOf(':') + 1)), hostOf(listen));
  try {
    await once(server, 'listening');
  } catch (error) {
    throw refused('unavailable', `cannot serve metrics on ${listen}: ${messageOf(error)}`, { cause: error });
  }
  return {
    port: (server.address() as AddressInfo).port,
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}

async function answer(registry: Registry, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const isRead = request.method === 'GET' || request.method === 'HEAD';
  if (!isRead || (request.url ?? '').split('?')[0] !== PATH) {
    response.writeHead(isRead ? 404 : 405, { 'content-type': 'text/plain' });
    response.end(`${isRead ? `there is only ${PATH}` : 'there is only GET'}\n`);
    return;
  }
  const text = await registry.metrics();
  response.writeHead(200, { 'content-type': registry.contentType });
  response.end(request.method === 'HEAD' ? undefined : text);
}
