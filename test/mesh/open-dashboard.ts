/** The dashboard as `cnvm dashboard` serves it, its page built as for a release. */
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import { connect } from '../../src/cli/connect.js';
import { followForPages } from '../../src/cli/dashboard-feed.js';
import { serveDashboard } from '../../src/cli/dashboard-server.js';

const SOURCE = fileURLToPath(new URL('../../src/dashboard/', import.meta.url));

export type OpenDashboard = Awaited<ReturnType<typeof openDashboard>>;

/** @param socket the daemon's. */
export async function openDashboard(socket: string) {
  const directory = mkdtempSync(join(tmpdir(), 'cnvm-page-'));
  for (const file of ['page.html', 'page.css', 'icon.svg']) copyFileSync(join(SOURCE, file), join(directory, file));
  await build({
    entryPoints: [join(SOURCE, 'page.ts')],
    ...{ bundle: true, outdir: directory, target: 'es2022', minify: true, logLevel: 'warning' },
  });
  const over = { endpoint: undefined, ca: undefined, cert: undefined, key: undefined, serverName: undefined };
  const connection = connect({ socket, ...over });
  const stop = new AbortController();
  const feed = followForPages(connection, stop);
  await feed.begun;
  const server = await serveDashboard('127.0.0.1:0', pathToFileURL(`${directory}/`), feed);
  return {
    url: server.url,
    async close(): Promise<void> {
      server.close();
      stop.abort();
      await feed.ended;
      connection.close();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}
