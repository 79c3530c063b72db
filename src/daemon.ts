/**
 * The daemon: starts every part in order, stops them in reverse. Invariant: nothing is served before what an
 * earlier daemon left has been looked at; stopping leaves every cnvm running.
 */
import type { Logger } from 'pino';
import type { Config } from './base/config.js';
import { logFindings } from './mesh/log-findings.js';
import { rekey } from './mesh/rekey.js';
import { leave, takePart } from './mesh/take-part.js';
import { lostTarget } from './migration/departure.js';
import { recover } from './migration/recover.js';
import { tell, tellOff } from './migration/tell.js';
import { build, describe, type Host, linkOf, type Parts } from './parts.js';
import { onwardToNode } from './rpc/onward.js';
import { openIdentity } from './rpc/open-identity.js';
import { startRpc } from './rpc/server.js';

export interface Daemon {
  readonly port: number;
  /** Looks whether there are new certificates. */
  reload(): void;
  /** Refuses new work, rolls back or finishes what runs, and ends. */
  stop(): Promise<void>;
}

/** After the migrations have ended only short calls are left. */
const STOP_GRACE_MS = 2_000;

/** Afterwards it serves, and what an earlier daemon left has been settled or is being asked about. */
export async function startDaemon(config: Config, host: Host, log: Logger): Promise<Daemon> {
  const identity = await openIdentity({ node: config.node, tls: config.tls, log });
  const parts = build(config, host, identity, log);
  const { facts, mesh, cnvms, departures, arrivals, history, images, publish, sweeping } = parts;
  // Before anything is looked at: what goes on by itself would change it afterwards.
  for (const orphan of await host.endOrphans()) log.error({ orphan }, 'a program of an earlier daemon does not end');
  await host.overlay.start();
  await publish();
  await recover({
    ...parts.common,
    askTarget: ({ record, migration, peer }) => {
      const target = mesh.peer(peer);
      departures.resume(record, migration, target === undefined ? lostTarget(peer) : linkOf(target));
    },
    tellTarget: ({ migration, peer }, news) => {
      const link = mesh.peer(peer)?.link.target;
      if (link !== undefined) void tell(() => tellOff(link, migration.id, news));
    },
  });
  await parts.snapshots.recover();
  await sweeping.now();
  await Promise.all([images.start(), parts.observing.start()]);
  logFindings(await host.check(await facts()), log);
  const { node, listen, socket, socketGroup, readers } = config;
  const server = await startRpc({
    ...{ node, listen, socket, socketGroup, readers, log, cnvms, images },
    trust: identity.trust,
    identity: identity.port,
    patience: config.limits.patience,
    network: config.overlay.network,
    nodes: {
      list: () => mesh.list(),
      describe: async () => describe(host, await facts()),
      join: mesh.join,
      leave: (force) => leave(parts, force),
      rekeyOverlay: () => rekey(config, { overlay: host.overlay, tellAll: mesh.tellAll }),
    },
    migrations: { ...departures, watch: history.watch, list: history.list },
    mesh: { describe: facts, announced: mesh.announced, asked: mesh.asked },
    ...parts.asked,
    ...{ target: arrivals.target, bulk: departures.bulkPort },
    ...{ onward: parts.onward, watching: parts.observing.watching, snapshots: parts.snapshots },
    onwardTo: onwardToNode(mesh.find),
    evacuations: parts.relief.port,
  });
  identity.start(() => mesh.peers().map(({ name, link }) => ({ name, trust: link.trust })));
  await takePart(parts, server.port, config.limits.settle * 1000 * config.limits.patience);
  await parts.relief.start();
  log.info({ port: server.port, socket }, 'serving');
  return {
    port: server.port,
    reload: identity.reload,
    async stop() {
      await stop(parts, server, log);
      identity.close();
    },
  };
}

async function stop(
  { departures, arrivals, relief, snapshots, sweeping, mesh, images, observing }: Parts,
  server: { stop(graceMs: number): Promise<void> },
  log: Logger,
): Promise<void> {
  log.info('stopping');
  images.stop();
  // The servers last: a migration that is rolled back or finished still needs its peer's calls.
  await Promise.all([relief.stop(), departures.stop(), arrivals.stop(), snapshots.stop()]);
  await sweeping.stop();
  await observing.stop();
  await server.stop(STOP_GRACE_MS);
  await mesh.stop();
  log.info('stopped');
}
