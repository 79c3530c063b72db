/** `cnvm dashboard`: a page to look at, on this machine's own loopback. */
import type { Command } from 'commander';
import { type CommonOptions, connected, withCommonOptions } from './common-options.js';
import { followForPages } from './dashboard-feed.js';
import { loopbackOf, serveDashboard } from './dashboard-server.js';
import { jsonText } from './text.js';

/** Beside where the commands are, built or not. */
const PAGE = new URL('../dashboard/', import.meta.url);

export function addDashboardCommand(program: Command): void {
  withCommonOptions(program.command('dashboard'))
    .description('serve a live page of the mesh to browsers of this machine, until Ctrl-C')
    .option('--listen <host:port>', 'where, on loopback; port 0: any that is free', '127.0.0.1:8477')
    .action(dashboard);
}

async function dashboard({ listen, ...options }: CommonOptions & { listen: string }): Promise<void> {
  loopbackOf(listen);
  await connected(options, async (connection) => {
    const stop = new AbortController();
    const feed = followForPages(connection, stop);
    await feed.begun;
    if (stop.signal.aborted) return;
    const server = await serveDashboard(listen, PAGE, feed).catch((error: unknown) => {
      stop.abort();
      throw error;
    });
    process.stdout.write(options.json ? `${jsonText({ url: server.url })}\n` : `open ${server.url} (Ctrl-C ends it)\n`);
    await feed.ended.finally(server.close);
  });
}
