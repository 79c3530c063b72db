/**
 * The dashboard over HTTP, for this machine's own browsers. Invariant: it serves its few files and the events, changes nothing, and
 * answers no name but that of the machine itself, so that no page of another site can read it.
 */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { type AddressInfo, isIP } from 'node:net';
import { messageOf, refused } from '../base/errors.js';
import type { DashboardFeed, PageMessage } from './dashboard-feed.js';

export interface DashboardServer {
  readonly url: string;
  close(): void;
}

/** Path, file and type; paths are as the page asks for them. */
const FILES: Readonly<Record<string, readonly [file: string, type: string]>> = {
  '/': ['page.html', 'text/html; charset=utf-8'],
  '/page.js': ['page.js', 'text/javascript; charset=utf-8'],
  '/page.css': ['page.css', 'text/css; charset=utf-8'],
  '/icon.svg': ['icon.svg', 'image/svg+xml'],
};
const HEADERS = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-resource-policy': 'same-origin',
  'cross-origin-opener-policy': 'same-origin',
  'cache-control': 'no-store',
};
/** A person's windows, and some. */
const PAGES_MAX = 50;
/** So that what stands between takes no silence for an end. */
const ALIVE_EVERY_MS = 15_000;
/** A page that does not read is let go; it comes again, and gets a snapshot. */
const UNREAD_BYTES_MAX = 8 * 1024 * 1024;
const AGAIN_MS = 1_000;

/** @throws `refused` when it is no address of this machine's own loopback, or has no port. */
export function loopbackOf(listen: string): { host: string; port: number } {
  const match = /^(?:\[([0-9a-f:]+)\]|([^:]+)):(\d{1,5})$/i.exec(listen);
  const host = match?.[1] ?? match?.[2] ?? '';
  const port = Number(match?.[3] ?? Number.NaN);
  if (!(port <= 65_535)) throw refused('invalid', `"${listen}" is not HOST:PORT`);
  const isLoopback = host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
  if (isLoopback) return { host, port };
  throw refused('invalid', `the dashboard is served on this machine's own loopback alone, not on ${host}`, {
    remedy: 'From elsewhere: ssh -L 8477:127.0.0.1:8477 NODE, and open http://127.0.0.1:8477/ at home.',
  });
}

/** Whether a request is for this machine by its own name: another one is what a page of another site would send. */
export function isOwnHost(header: string | undefined, port: number): boolean {
  const match = /^(\[::1\]|localhost|127(?:\.\d{1,3}){3})(?::(\d+))?$/i.exec(header ?? '');
  return match !== null && Number(match[2] ?? 80) === port;
}

/** @param directory with the page's files. @throws `refused` when they are not there, or the port is taken. */
export async function serveDashboard(listen: string, directory: URL, feed: DashboardFeed): Promise<DashboardServer> {
  const { host, port } = loopbackOf(listen);
  const files = readFiles(directory);
  const pages = new Set<ServerResponse>();
  let bound = port;
  const server = createServer((request, response) => {
    for (const [name, value] of Object.entries(HEADERS)) response.setHeader(name, value);
    const why = refusal(request, bound);
    const path = (request.url ?? '').split('?')[0] ?? '';
    const file = files.get(path);
    if (why !== undefined) end(response, ...why);
    else if (path === '/events') follow(request, response, pages, feed);
    else if (file === undefined) end(response, 404, 'there is no such page');
    else {
      response.writeHead(200, { 'content-type': file.type });
      response.end(request.method === 'HEAD' ? undefined : file.content);
    }
  });
  server.listen(port, host);
  try {
    await once(server, 'listening');
  } catch (error) {
    throw refused('unavailable', `cannot serve on ${listen}: ${messageOf(error)}`, { cause: error });
  }
  bound = (server.address() as AddressInfo).port;
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${bound}/`,
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}

function readFiles(directory: URL): Map<string, { content: Buffer; type: string }> {
  try {
    return new Map(
      Object.entries(FILES).map(([path, [file, type]]) => [
        path,
        { content: readFileSync(new URL(file, directory)), type },
      ]),
    );
  } catch (error) {
    throw refused('unavailable', `the dashboard's page is not there: ${messageOf(error)}`, {
      remedy: 'It is made by "npm run build".',
      cause: error,
    });
  }
}

function refusal(request: IncomingMessage, port: number): [status: number, why: string] | undefined {
  if (!isOwnHost(request.headers.host, port)) return [421, 'this machine has no such name'];
  if (request.headers['sec-fetch-site'] === 'cross-site') return [403, 'not for pages of another site'];
  if (request.method !== 'GET' && request.method !== 'HEAD') return [405, 'nothing can be changed here'];
  return undefined;
}

function end(response: ServerResponse, status: number, why: string): void {
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8' });
  response.end(`${why}\n`);
}

function follow(
  request: IncomingMessage,
  response: ServerResponse,
  pages: Set<ServerResponse>,
  feed: DashboardFeed,
): void {
  if (pages.size >= PAGES_MAX) {
    end(response, 503, `${PAGES_MAX} pages look already`);
    return;
  }
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  response.write(`retry: ${AGAIN_MS}\n\n`);
  pages.add(response);
  const send = ([event, data]: PageMessage) => {
    response.write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
    if (response.writableLength > UNREAD_BYTES_MAX) response.destroy();
  };
  const unlisten = feed.listen(send);
  const alive = setInterval(() => response.write(':\n\n'), ALIVE_EVERY_MS);
  request.on('close', () => {
    clearInterval(alive);
    unlisten();
    pages.delete(response);
  });
}
