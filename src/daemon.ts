/**
 * The daemon: builds every part, starts them in order, stops them in reverse. Invariant: nothing is served before what an
 * earlier daemon left has been looked at; stopping leaves every cnvm running.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { audit } from './base/audit.js';
import type { Config } from './base/config.js';
import type { CnvmRecord } from './cnvms/cnvm.js';
import { type Cnvms, createCnvms } from './cnvms/cnvms.js';
import { createLocks, type Locks } from './cnvms/locks.js';
import type { Machine } from './cnvms/machine.js';
import { type IsPortBusy, portsInUse, portsTakenOn, publishedBy, publishing } from './cnvms/published.js';
import { openStore, type Store } from './cnvms/store.js';
import { createImages } from './images/images.js';
import { ociArchitecture } from './images/oci.js';
import type { ImageStore } from './images/store.js';
import type { ImageTools } from './images/tools-port.js';
import type { Holding } from './mesh/directory.js';
import { logFindings } from './mesh/log-findings.js';
import { createMesh, type Mesh } from './mesh/mesh.js';
import type { Finding, NodeFacts } from './mesh/node-facts.js';
import { type Claims, ownership } from './mesh/ownership.js';
import { rekey } from './mesh/rekey.js';
import { leave, takePart } from './mesh/take-part.js';
import { createYielding } from './mesh/yield-old.js';
import { createArrivals } from './migration/arrivals.js';
import type { Bulk } from './migration/bulk.js';
import { lostTarget } from './migration/departure.js';
import { createDepartures } from './migration/departures.js';
import { createHistory } from './migration/history.js';
import { imagesGiven, madeFrom } from './migration/image-use.js';
import { type Journal, openJournal } from './migration/journal.js';
import type { TargetLink } from './migration/peer-port.js';
import { recover } from './migration/recover.js';
import { CALL_MS } from './migration/source-run.js';
import type { Sweep } from './migration/sweep.js';
import { sweepPorts } from './migration/sweep-ports.js';
import { createSweeping } from './migration/sweeping.js';
import { tell } from './migration/tell.js';
import type { Limits } from './migration/watchdog.js';
import type { Overlay } from './overlay/overlay.js';
import { askSeed } from './rpc/ask-seed.js';
import { onwardBy } from './rpc/onward.js';
import { type OpenIdentity, openIdentity } from './rpc/open-identity.js';
import { createPeerClient, type PeerClient } from './rpc/peer-client.js';
import { startRpc } from './rpc/server.js';
import { createSnapshots } from './snapshots/snapshots.js';

/** What the daemon stands on; the real ones in `main.ts`, others in tests. */
export interface Host {
  readonly machine: Machine;
  readonly bulk: Bulk;
  readonly overlay: Pick<Overlay, 'start' | 'setBehind' | 'unwire' | 'publish' | 'card' | 'prepareKey' | 'changeKey'>;
  readonly imageStore: ImageStore;
  readonly imageTools: ImageTools;
  readonly isPortBusy: IsPortBusy;
  /** Ends what a daemon before us started and what goes on without it. @returns what does not end, in words. */
  readonly endOrphans: () => Promise<readonly string[]>;
  readonly facts: (cnvmCount: () => number) => () => Promise<NodeFacts>;
  readonly check: (facts: NodeFacts) => Promise<Finding[]>;
  readonly sweep: Sweep;
  /** Stands between the daemon and its journal; only where faults are tested is there something. */
  readonly betweenJournal?: (journal: Journal) => Journal;
}

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
  await images.start();
  logFindings(await host.check(await facts()), log);
  const server = await startRpc({
    node: config.node,
    listen: config.listen,
    socket: config.socket,
    socketGroup: config.socketGroup,
    readers: config.readers,
    trust: identity.trust,
    identity: identity.port,
    patience: config.limits.patience,
    log,
    cnvms,
    network: config.overlay.network,
    nodes: {
      list: () => mesh.list(),
      describe: async () => describe(host, await facts()),
      join: mesh.join,
      leave: (force) => leave(parts, force),
      rekeyOverlay: () => rekey(config, { overlay: host.overlay, tellAll: mesh.tellAll }),
    },
    ...{ images, snapshots: parts.snapshots },
    migrations: { ...departures, watch: history.watch, list: history.list },
    mesh: { describe: facts, announced: mesh.announced, asked: mesh.asked },
    ...{ target: arrivals.target, bulk: departures.bulkPort },
    onward: parts.onward,
  });
  identity.start(() => mesh.peers().map(({ name, link }) => ({ name, trust: link.trust })));
  await takePart(parts, server.port, config.limits.settle * 1000 * config.limits.patience);
  log.info({ port: server.port, socket: config.socket }, 'serving');
  return {
    port: server.port,
    reload: identity.reload,
    async stop() {
      await stop(parts, server, log);
      identity.close();
    },
  };
}

/** Every part, joined to the others; nothing is started, and what is on disk has been read. */
function build(config: Config, host: Host, identity: OpenIdentity, log: Logger) {
  for (const directory of [config.stateDir, config.runDir]) mkdirSync(directory, { recursive: true, mode: 0o755 });
  const records = openStore(join(config.stateDir, 'cnvms'));
  const publish = () => host.overlay.publish(publishedBy(records.all()));
  const store = publishing(records, publish, log);
  const onDisk = openJournal(join(config.stateDir, 'migrations'));
  const journal = host.betweenJournal?.(onDisk) ?? onDisk;
  const locks = createLocks();
  const history = createHistory(journal, ({ outcome }) => {
    // Who tells the end is not done yet with what it holds.
    if (outcome !== 'succeeded' && outcome !== 'in-doubt') setImmediate(() => void sweeping.now());
  });
  const facts = host.facts(() => store.all().length);
  const claims = new Map<string, CnvmRecord>();
  const mesh = makeMesh(config, host, identity, { store, claims }, facts, log);
  const { directory } = mesh;
  const { node, landingZones } = config;
  const { machine, bulk } = host;
  const overlayNetwork = config.overlay.network;
  const images = createImages({
    ...{ node, store: host.imageStore, tools: host.imageTools, architecture: ociArchitecture(process.arch), log },
    usedBy: (digest) => madeFrom(digest, store.all(), journal),
    peers: () => mesh.peers().map(({ link }) => link.images),
  });
  const busyPorts = portsInUse(host.isPortBusy, node);
  const cnvms = createCnvms({
    ...{ node, overlayNetwork, landingZones, images, busyPorts, store, locks, machine, directory, log },
  });
  const common = {
    node,
    machine,
    images: imagesGiven(images),
    bulk,
    journal,
    log,
    ...ownership(store, claims, host.overlay, mesh),
  };
  const findPeer = (target: string) => linkOf(mesh.find(target));
  const ways = { limits: limitsOf(config), roundsMax: config.limits.rounds };
  const portsTaken = portsTakenOn(store, busyPorts, node);
  const departures = createDepartures({
    ...{ ports: { ...common, facts }, bulk, cnvms, locks, history, ...ways, findPeer, audit: auditIn(config) },
  });
  const snapshots = createSnapshots({
    ...{ ...common, images, facts, cnvms, locks, store, directory, landingZones, overlayNetwork, portsTaken },
    ...{ stateDir: config.stateDir, stallMs: ways.limits.stallMs, nodes: mesh.list, audit: auditIn(config) },
    available: host.imageTools.available,
  });
  const bulkOf = (peer: string) => mesh.peer(peer)?.link.bulk;
  const arrivals = createArrivals({
    ...{ ports: common, cnvms, locks, directory, history, ...ways, overlayNetwork, facts, bulkOf, images },
    ...{ portsTaken, patience: config.limits.patience },
  });
  const sweeping = createSweeping(() =>
    host.sweep(sweepPorts({ store, journal, locks, history, marks: cnvms.marks, claims, log })),
  );
  const manners = { snapshots, ...mannersOf({ store, locks, cnvms, mesh }, log) };
  return { common, facts, mesh, cnvms, departures, arrivals, history, sweeping, images, publish, ...manners };
}

/** What is another node's: an old copy stops, and a call about it goes there. */
function mannersOf(
  { store, locks, cnvms, mesh }: { store: Store; locks: Locks; cnvms: Cnvms; mesh: Mesh<PeerClient> },
  log: Logger,
) {
  const { directory } = mesh;
  const yielding = createYielding({
    records: store.all,
    busy: (name) => cnvms.marks.has(name) || locks.doing(name) !== undefined,
    runs: async (name) => (await cnvms.get(name)).state === 'running',
    ...{ rival: directory.rival, confirms: mesh.confirms, yieldTo: cnvms.yieldTo, log },
  });
  const onward = onwardBy({
    // An old copy too; and what comes or goes just now.
    isHere: (name) => store.get(name) !== undefined || locks.doing(name) !== undefined,
    ...{ ownerOf: directory.ownerOf, peer: mesh.peer },
  });
  return { yielding, onward };
}

async function stop(
  { departures, arrivals, snapshots, sweeping, mesh, images }: ReturnType<typeof build>,
  server: { stop(graceMs: number): Promise<void> },
  log: Logger,
): Promise<void> {
  log.info('stopping');
  images.stop();
  // The servers last: a migration that is rolled back or finished still needs its peer's calls.
  await Promise.all([departures.stop(), arrivals.stop(), snapshots.stop()]);
  await sweeping.stop();
  await server.stop(STOP_GRACE_MS);
  await mesh.stop();
  log.info('stopped');
}

function makeMesh(
  config: Config,
  host: Host,
  { trust }: OpenIdentity,
  { store, claims }: { store: Store; claims: Claims },
  facts: () => Promise<NodeFacts>,
  log: Logger,
): Mesh<PeerClient> {
  const { network } = config.overlay;
  const { patience } = config.limits;
  return createMesh({
    node: config.node,
    listen: config.listen,
    advertise: config.advertise,
    overlayNetwork: network,
    overlayAddress: config.overlay.address,
    peers: config.peers,
    seeds: config.seeds,
    file: join(config.stateDir, 'peers.json'),
    probeMs: config.limits.probe * 1000 * patience,
    dial: (peer) => createPeerClient(peer, trust, patience, network),
    ask: (endpoint, message, timeoutMs) => askSeed(endpoint, message, trust, { timeoutMs, network }),
    setBehind: (world) => host.overlay.setBehind(world),
    overlayCard: () => host.overlay.card(),
    holdings: () => {
      const coming = [...claims.values()].filter(({ name }) => store.get(name) === undefined);
      return [
        ...store.all().map((record) => holdingOf(record)),
        ...coming.map((record) => holdingOf(record, 'arriving')),
      ];
    },
    facts,
    log,
  });
}

function limitsOf({ limits: { stall, seed, precopy, freeze } }: Config): Limits {
  return { stallMs: stall * 1000, seedMs: seed * 1000, precopyMs: precopy * 1000, freezeMs: freeze * 1000 };
}

function auditIn({ stateDir }: Config) {
  return (entry: Parameters<typeof audit>[1]) => audit(join(stateDir, 'audit.log'), entry);
}

function holdingOf(record: CnvmRecord, state: Holding['state'] = record.wanted): Holding {
  const { name, address, epoch, image } = record;
  return { name, address, epoch, state, image: `${image.name}@${image.digest}` };
}

function linkOf(peer: { readonly name: string; readonly link: PeerClient }) {
  return { name: peer.name, link: peer.link.target };
}

async function describe(host: Host, facts: NodeFacts): Promise<{ facts: NodeFacts; findings: Finding[] }> {
  return { facts, findings: await host.check(facts) };
}

async function tellOff(link: TargetLink, migration: string, news: 'cancel' | 'release'): Promise<void> {
  if (news === 'release') await link.release(migration, { timeoutMs: CALL_MS });
  else await link.cancel(migration, 'the daemon of the source died', { timeoutMs: CALL_MS });
}
