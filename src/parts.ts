/** Every part of a daemon, made and joined to the others. Invariant: nothing is started here; `daemon.ts` does that. */
import { join } from 'node:path';
import type { Logger } from 'pino';
import { audit } from './base/audit.js';
import type { Config } from './base/config.js';
import type { CnvmRecord } from './cnvms/cnvm.js';
import { type Cnvms, createCnvms } from './cnvms/cnvms.js';
import { createLocks, type Locks } from './cnvms/locks.js';
import type { Machine } from './cnvms/machine.js';
import { type IsPortBusy, portsInUse, portsTakenOn } from './cnvms/published.js';
import type { Store } from './cnvms/store.js';
import { createImages } from './images/images.js';
import { ociArchitecture } from './images/oci.js';
import type { ImageStore } from './images/store.js';
import type { ImageTools } from './images/tools-port.js';
import { createAgreements } from './mesh/agreements.js';
import type { Holding } from './mesh/directory.js';
import { createMesh, type Mesh } from './mesh/mesh.js';
import type { Finding, HostFacts, NodeFacts } from './mesh/node-facts.js';
import { ownHoldings } from './mesh/own-holdings.js';
import { ownership } from './mesh/ownership.js';
import { createYielding } from './mesh/yield-old.js';
import { createArrivals } from './migration/arrivals.js';
import type { Bulk } from './migration/bulk.js';
import { createDepartures } from './migration/departures.js';
import { createHistory } from './migration/history.js';
import { imagesGiven, madeFrom } from './migration/image-use.js';
import type { Journal } from './migration/journal.js';
import type { Migration } from './migration/migration.js';
import { openOnDisk } from './migration/on-disk.js';
import { type Condition, createRelief, openDoor, withCondition } from './migration/relief.js';
import type { Sweep } from './migration/sweep.js';
import { sweepPorts } from './migration/sweep-ports.js';
import { createSweeping } from './migration/sweeping.js';
import { limitsOf } from './migration/watchdog.js';
import type { Overlay } from './overlay/overlay.js';
import { askSeed } from './rpc/ask-seed.js';
import { onwardBy } from './rpc/onward.js';
import type { OpenIdentity } from './rpc/open-identity.js';
import { createPeerClient, type PeerClient } from './rpc/peer-client.js';
import { createSnapshots } from './snapshots/snapshots.js';
import { createObserving } from './telemetry/observing.js';
import { kicking } from './watch/own-cnvms.js';

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
  readonly facts: (cnvmCount: () => number) => () => Promise<HostFacts>;
  /** In percent of the last minute; undefined where the kernel does not say. */
  readonly memoryPressure: () => Promise<number | undefined>;
  readonly check: (facts: HostFacts) => Promise<Finding[]>;
  readonly sweep: Sweep;
  /** Stands between the daemon and its journal; only where faults are tested is there something. */
  readonly betweenJournal?: (journal: Journal) => Journal;
}

export type Parts = ReturnType<typeof build>;

/** Every part, joined to the others; nothing is started, and what is on disk has been read. */
export function build(config: Config, host: Host, identity: OpenIdentity, log: Logger) {
  const { store, publish, journal } = openOnDisk(config, host, log);
  const locks = createLocks();
  const swept = (migration: Migration) => sweepAfter(migration, () => sweeping.now());
  const history = createHistory(journal, swept, (migration, event) => observing.told(migration, event));
  const { cordon, intent, door, demandOpen } = openDoor(config, store.all, () => void mesh.tellAll());
  const hostFacts = host.facts(() => store.all().length);
  const facts = withCondition(hostFacts, cordon, () => relief.strains());
  const claims = new Map<string, CnvmRecord>();
  const holdings = () => ownHoldings(store.all(), claims.values());
  const mesh = makeMesh(config, host, identity, holdings, facts, () => relief.condition(), log);
  const directory = kicking(mesh.directory, () => observing.watching.kick());
  const { node, landingZones, stateDir } = config;
  const { machine, bulk } = host;
  const { network: overlayNetwork } = config.overlay;
  const images = makeImages({ node, host, store, journal, mesh, log });
  const busyPorts = portsInUse(host.isPortBusy, node);
  const { reservations, reserving, diagnosing } = createAgreements({ config, mesh, holdings, log });
  const cnvms = createCnvms({
    ...{ node, overlayNetwork, landingZones, images, busyPorts, store, locks, machine, directory, log },
    ...{ demandOpen, reserving },
  });
  const common = {
    ...{ node, machine, images: imagesGiven(images), bulk, journal, log },
    ...ownership(store, claims, host.overlay, mesh),
  };
  const observing = createObserving({
    ...{ config, mesh, cnvms, claims, migrations: history.list, log },
    certificateEndMs: () => identity.port.identity().notAfterMs,
  });
  const ways = { limits: limitsOf(config.limits), roundsMax: config.limits.rounds };
  const portsTaken = portsTakenOn(store, busyPorts, node);
  const auditing = (entry: Parameters<typeof audit>[1]) => audit(join(stateDir, 'audit.log'), entry);
  const departures = createDepartures({
    ...{ ports: { ...common, facts }, bulk, cnvms, locks, history, ...ways, audit: auditing },
    findPeer: (target) => linkOf(mesh.find(target)),
  });
  const snapshots = createSnapshots({
    ...{ ...common, images, facts, cnvms, locks, store, directory, landingZones, overlayNetwork, demandOpen },
    ...{ portsTaken, nodes: mesh.list, audit: auditing, stateDir, stallMs: ways.limits.stallMs },
    ...{ available: host.imageTools.available, reserving },
  });
  const bulkOf = (peer: string) => mesh.peer(peer)?.link.bulk;
  const arrivals = createArrivals({
    ...{ ports: common, cnvms, locks, directory, history, ...ways, overlayNetwork },
    ...{ facts, bulkOf, images, door, patience: config.limits.patience, portsTaken },
  });
  const sweeping = createSweeping(() =>
    host.sweep(sweepPorts({ store, journal, locks, history, marks: cnvms.marks, claims, log })),
  );
  const relief = createRelief({
    ...{ config, host, hostFacts, facts, cordon, intent, door, store, locks, mesh, cnvms, arrivals, departures, log },
    audit: auditing,
  });
  const manners = { snapshots, ...mannersOf({ store, locks, cnvms, mesh }, log) };
  const here = { describe: async () => describe(host, await facts()), doubts: departures.doubts };
  const asked = { reservations, diagnosis: diagnosing({ ...here, identity: identity.port }) };
  const moving = { departures, arrivals, history, sweeping, observing, relief };
  return { common, facts, mesh, cnvms, images, publish, asked, ...moving, ...manners };
}

/** What a migration leaves that has failed. */
function sweepAfter({ outcome }: Migration, sweep: () => Promise<void>): void {
  // Who tells the end is not done yet with what it holds.
  if (outcome !== 'succeeded' && outcome !== 'in-doubt') setImmediate(() => void sweep());
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

function makeImages(from: {
  readonly node: string;
  readonly host: Host;
  readonly store: Store;
  readonly journal: Journal;
  readonly mesh: Mesh<PeerClient>;
  readonly log: Logger;
}) {
  const { node, host, store, journal, mesh, log } = from;
  return createImages({
    ...{ node, store: host.imageStore, tools: host.imageTools, architecture: ociArchitecture(process.arch), log },
    usedBy: (digest) => madeFrom(digest, store.all(), journal),
    peers: () => mesh.peers().map(({ link }) => link.images),
  });
}

function makeMesh(
  config: Config,
  host: Host,
  { trust }: OpenIdentity,
  holdings: () => readonly Holding[],
  facts: () => Promise<NodeFacts>,
  condition: () => Condition,
  log: Logger,
): Mesh<PeerClient> {
  const { network } = config.overlay;
  const { patience } = config.limits;
  const mesh = createMesh({
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
    isOut: trust.sessions.isOut,
    overlayCard: () => host.overlay.card(),
    ...{ condition, holdings, facts },
    log,
  });
  trust.sessions.onOut(mesh.directory.changed);
  return mesh;
}

export function linkOf(peer: { readonly name: string; readonly link: PeerClient }) {
  return { name: peer.name, link: peer.link.target };
}

export async function describe(host: Host, facts: NodeFacts): Promise<{ facts: NodeFacts; findings: Finding[] }> {
  return { facts, findings: await host.check(facts) };
}
