#!/usr/bin/env node
/** `cnvmd`: reads its arguments and its config, and runs the daemon until it is told to stop. */
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { type Config, readConfig } from './base/config.js';
import { CnvmError, messageOf } from './base/errors.js';
import { tuneHeap } from './base/heap.js';
import { createLog } from './base/log.js';
import { createRuncMachine } from './cnvms/runc-machine.js';
import { startDaemon } from './daemon.js';
import { ociArchitecture } from './images/oci.js';
import { createImageTools } from './images/real-tools.js';
import { openImageStore } from './images/store.js';
import { hostOf } from './mesh/find-peer.js';
import { factsOf } from './mesh/gather-facts.js';
import { selfCheck } from './mesh/self-check.js';
import { createBulk, imageDirectories } from './migration/bulk.js';
import { createSweep } from './migration/sweep.js';
import { createOverlay } from './overlay/overlay.js';
import type { Host } from './parts.js';
import { gateJournal } from './plant-faults.js';
import { endOrphans, OWNER_VARIABLE } from './tools/orphans.js';
import { isPortBusy } from './tools/ports.js';
import { memoryPressure } from './tools/pressure.js';
import { breakGate } from './tools/restore-gate.js';
import { type Supervisor, takeSupervisor } from './tools/supervisor.js';

const HELP = `Usage: cnvmd [--config FILE] [--check-config]

The cnvm daemon. Every node of a mesh runs one.

  --config FILE    the config (default /etc/cnvm/cnvmd.yaml)
  --check-config   says whether the config is valid, names every wrong key, and ends
  --version        prints the version
  -h, --help       prints this

SIGTERM and SIGINT stop it: new work is refused, a migration before its hand-over is rolled back, one after it is
finished. Cnvms go on running, and the next daemon finds them. New certificates are noticed by themselves; SIGHUP makes it
look at once.

CNVM_FAULTS in its environment names a directory in which tests put gates, see plant-faults.ts. Nothing else sets it.

Exit codes: 0 stopped or valid, 1 failed, 2 wrong usage or config.
`;

/** A dump that rolls back and a restore of some gigabytes take less. */
const ORPHANS_WAIT_MS = 30_000;

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      config: { type: 'string', default: '/etc/cnvm/cnvmd.yaml' },
      'check-config': { type: 'boolean', default: false },
      version: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) return print(HELP);
  if (values.version) return print(`cnvmd ${version()}\n`);
  const config = readConfig(values.config);
  if (values['check-config']) return print(`${values.config} is valid\n`);
  tuneHeap();
  process.env[OWNER_VARIABLE] = config.runDir;
  await serve(config, takeSupervisor(process.env));
  return 0;
}

async function serve(config: Config, supervisor: Supervisor): Promise<void> {
  const log = createLog({ level: config.logLevel, pretty: process.stderr.isTTY }, { node: config.node });
  const stopped = new Promise<NodeJS.Signals>((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, resolve);
  });
  const daemon = await startDaemon(config, realHost(config, log), log);
  process.on('SIGHUP', () => daemon.reload());
  await supervisor.tellReady().catch((error: unknown) => log.warn({ error: messageOf(error) }, 'systemd is not told'));
  log.info({ signal: await stopped }, 'told to stop');
  await daemon.stop();
}

function realHost(config: Config, log: ReturnType<typeof createLog>): Host {
  const { stateDir, runDir, imagesDir, cgroupParent, landingZones, node } = config;
  const { network, address, encryption, port, mtu, keepalive } = config.overlay;
  const { patience } = config.limits;
  const restoreMs = config.limits.restore * 1000;
  const overlay = createOverlay({
    ...{ node, network, address, encryption, port, mtu, keepaliveSeconds: keepalive, stateDir, runDir, log },
    hosts: [...config.peers.map(({ endpoint }) => endpoint), ...config.seeds].map(hostOf),
  });
  const gates = process.env['CNVM_FAULTS'];
  const imageStore = openImageStore(imagesDir);
  const images = { byDigest: imageStore.byDigest, layersDirectory: imageStore.paths.layers };
  const imageRefs = () => imageStore.list().flatMap(({ names, digest }) => names.map((name) => ({ name, digest })));
  return {
    machine: createRuncMachine({ stateDir, runDir, images, cgroupParent, network: overlay, restoreMs, patience }),
    imageStore,
    imageTools: createImageTools(ociArchitecture(process.arch)),
    isPortBusy,
    ...(gates === undefined ? {} : { betweenJournal: (journal) => gateJournal(journal, gates) }),
    bulk: createBulk(runDir),
    overlay,
    endOrphans: async () => {
      for (const directory of imageDirectories(runDir)) breakGate(directory);
      return (await endOrphans(runDir, ORPHANS_WAIT_MS)).map(({ pid, command }) => `${pid} ${command}`);
    },
    facts: (cnvmCount) =>
      factsOf({
        ...{ node, version: version(), landingZones, images: imageRefs, cnvmCount },
        ...{ overlayAddress: address, overlayEncryption: encryption, overlayCard: overlay.card },
      }),
    memoryPressure,
    sweep: createSweep({ stateDir, runDir, cgroupParent, network }),
    check: (facts) => selfCheck({ path: process.env['PATH'] ?? '' }, facts),
  };
}

function version(): string {
  const file = new URL('../package.json', import.meta.url);
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;
}

function print(text: string): number {
  process.stdout.write(text);
  return 0;
}

main().then(
  (code) => process.exit(code),
  (error: unknown) => {
    const usage = error instanceof CnvmError ? error.kind === 'invalid' : error instanceof TypeError;
    const lines = error instanceof CnvmError ? error.reasons : [messageOf(error)];
    for (const line of lines) process.stderr.write(`cnvmd: ${line}\n`);
    process.exit(usage ? 2 : 1);
  },
);
