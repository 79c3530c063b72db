/**
 * All that is told of this node to those who look on: the watch, the figures, the traces. Invariant: nothing that is told changes what it is
 * told of, and nothing waits for whoever looks on.
 */
import type { Logger } from 'pino';
import type { Config } from '../base/config.js';
import type { CnvmRecord } from '../cnvms/cnvm.js';
import type { Cnvms } from '../cnvms/cnvms.js';
import type { Migration, MigrationEvent } from '../migration/migration.js';
import { ownCnvms } from '../watch/own-cnvms.js';
import { createWatching, type WatchingOptions } from '../watch/watching.js';
import { createMeters } from './meters.js';
import { type MetricsServer, serveMetrics } from './serve-metrics.js';
import type { Traces } from './traces.js';

export interface ObservingPorts {
  readonly config: Pick<Config, 'node' | 'metrics' | 'traces'>;
  readonly mesh: WatchingOptions['mesh'];
  readonly cnvms: Pick<Cnvms, 'states'>;
  /** What was handed over to this node and has no record yet. */
  readonly claims: ReadonlyMap<string, CnvmRecord>;
  readonly migrations: WatchingOptions['migrations'];
  readonly certificateEndMs: () => number;
  readonly log: Logger;
}

export function createObserving(ports: ObservingPorts) {
  const { config, mesh, claims, migrations, certificateEndMs, log } = ports;
  const { node } = config;
  const cnvms = ownCnvms(node, ports.cnvms, claims);
  const watching = createWatching({ node, mesh, cnvms, migrations, log });
  // The process's own figures cost something all the time: where nobody reads them there are none.
  const metered = { node, members: mesh.members, cnvms, migrations, certificateEndMs };
  const meters = config.metrics === undefined ? undefined : createMeters(metered);
  let served: MetricsServer | undefined;
  let traces: Traces | undefined;
  return {
    watching,
    /** What happens to migrations that this node takes part in. */
    told(migration: Migration, event: MigrationEvent): void {
      watching.told(migration, event);
      if (event.kind !== 'ended') return;
      meters?.ended(migration);
      traces?.ended(migration);
    },
    /** Serves the figures, and sends traces, where the config says so. @throws `refused` when it cannot. */
    async start(): Promise<void> {
      if (config.traces !== undefined) {
        // Only then: it takes memory and time to load.
        const { createTraces } = await import('./traces.js');
        traces = createTraces(config.traces.endpoint, node, () => mesh.members().own?.version);
      }
      if (config.metrics === undefined || meters === undefined) return;
      served = await serveMetrics(config.metrics.listen, meters.registry, log);
      log.info({ port: served.port }, 'serving metrics');
    },
    async stop(): Promise<void> {
      watching.stop();
      served?.close();
      await traces?.close();
    },
  };
}
