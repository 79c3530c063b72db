/**
 * The daemon's two gRPC servers: TCP with mutual TLS, and a Unix socket for the node's own operators. Invariant: there is
 * no third way in; a socket that a living daemon serves is never taken from it.
 */
import { chmodSync, chownSync, existsSync, readFileSync, rmSync } from 'node:fs';
import { createConnection } from 'node:net';
import { ServerCredentials as Credentials, Server, type ServerOptions } from '@grpc/grpc-js';
import { HealthImplementation } from 'grpc-health-check';
import type { Logger } from 'pino';
import { refused } from '../base/errors.js';
import { DiagnosisServiceService as PeerDiagnosisService } from '../gen/cnvm/peer/v1/diagnosis.js';
import { BidServiceService } from '../gen/cnvm/peer/v1/evacuation.js';
import {
  HandOverServiceService,
  MembershipServiceService,
  MeshServiceService,
  ImageServiceService as PeerImageService,
} from '../gen/cnvm/peer/v1/peer.js';
import { ReservationServiceService } from '../gen/cnvm/peer/v1/reservation.js';
import { TrustServiceService } from '../gen/cnvm/peer/v1/trust.js';
import { WatchServiceService as PeerWatchService } from '../gen/cnvm/peer/v1/watch.js';
import { CnvmServiceService } from '../gen/cnvm/v1/cnvm.js';
import { DiagnosisServiceService } from '../gen/cnvm/v1/diagnosis.js';
import { EvacuationServiceService } from '../gen/cnvm/v1/evacuation.js';
import { IdentityServiceService } from '../gen/cnvm/v1/identity.js';
import { ImageServiceService } from '../gen/cnvm/v1/image.js';
import { MigrationServiceService } from '../gen/cnvm/v1/migration.js';
import { NodeServiceService } from '../gen/cnvm/v1/node.js';
import { SnapshotServiceService } from '../gen/cnvm/v1/snapshot.js';
import { WatchServiceService } from '../gen/cnvm/v1/watch.js';
import { ServerReflectionService } from '../gen/grpc/reflection/v1/reflection.js';
import type { BulkPort, TargetPort } from '../migration/peer-port.js';
import { bulkService } from './bulk-codec.js';
import { type CnvmsPort, cnvmCalls } from './cnvm-calls.js';
import { type DiagnosisPort, diagnosisCalls, peerDiagnosisCalls } from './diagnosis-calls.js';
import { bidCalls, type EvacuationsPort, evacuationCalls } from './evacuation-calls.js';
import type { Handling } from './handle.js';
import { type ImagesPort, imageCalls, peerImageCalls } from './image-calls.js';
import { type MigrationsPort, migrationCalls } from './migration-calls.js';
import { type NodesPort, nodeCalls } from './node-calls.js';
import type { Onward } from './onward.js';
import { bulkCalls, handOverCalls, type MeshPort, memberCalls, meshCalls } from './peer-calls.js';
import { OLDER_REFLECTION, reflectionCalls } from './reflection.js';
import { type ReservationsPort, reservationCalls } from './reservation-calls.js';
import { LOCAL, LOCAL_READER } from './roles.js';
import { type SnapshotsPort, snapshotCalls } from './snapshot-calls.js';
import { listenTls, type TlsListener } from './tls-listener.js';
import type { Trust } from './trust.js';
import { identityCalls, type TrustPort, trustCalls } from './trust-calls.js';
import { followCalls, type WatchPort, watchCalls } from './watch-calls.js';

export interface RpcOptions {
  readonly node: string;
  /** The overlay's. */
  readonly network: string;
  /** HOST:PORT; port 0 takes any that is free. */
  readonly listen: string;
  readonly socket: string;
  readonly socketGroup: string;
  /** A second socket, for those who may only look. */
  readonly readers: { readonly socket: string; readonly group: string } | undefined;
  readonly trust: Trust;
  /** Multiplies how long a caller may be silent. */
  readonly patience: number;
  readonly log: Logger;
  readonly cnvms: CnvmsPort;
  readonly nodes: NodesPort;
  readonly migrations: MigrationsPort;
  readonly images: ImagesPort;
  readonly snapshots: SnapshotsPort;
  readonly mesh: MeshPort;
  readonly reservations: ReservationsPort;
  readonly diagnosis: DiagnosisPort;
  readonly identity: TrustPort;
  readonly target: TargetPort;
  readonly bulk: BulkPort;
  readonly watching: WatchPort;
  /** The owner of a cnvm that is not here, if it is known. */
  readonly onward: (cnvm: string) => Onward | undefined;
  readonly evacuations: EvacuationsPort;
  /** A node that is not this one. @throws `refused` when there is no such. */
  readonly onwardTo: (node: string) => Onward | undefined;
}

export interface RpcServer {
  /** The TCP port that is served. */
  readonly port: number;
  /** Takes no new calls, waits up to `graceMs` for those that run, then ends them. */
  stop(graceMs: number): Promise<void>;
}

const PEOPLE = [
  'CnvmService',
  'DiagnosisService',
  'EvacuationService',
  'IdentityService',
  'ImageService',
  'MigrationService',
  'NodeService',
  'WatchService',
  'SnapshotService',
].map((name) => `cnvm.v1.${name}`);
const PEERS = [
  'BidService',
  'BulkService',
  'DiagnosisService',
  'HandOverService',
  'ImageService',
  'MembershipService',
  'MeshService',
  'ReservationService',
  'TrustService',
  'WatchService',
].map((name) => `cnvm.peer.v1.${name}`);
const STANDARD = ['grpc.health.v1.Health', 'grpc.reflection.v1.ServerReflection'];
/** A caller that is gone is noticed within the sum of the two. */
const KEEPALIVE_EVERY_MS = 10_000;
const KEEPALIVE_WAIT_MS = 5_000;
/** Over a bad link, and some. */
const HANDSHAKE_MS = 10_000;
const MESSAGE_BYTES_MAX = 8 * 1024 * 1024;
/** For what connects to the socket to find out whether a daemon lives behind it. */
const SOCKET_PROBE_MS = 1_000;

/** @throws `refused` when the socket or the port is served by another, or a certificate cannot be used. */
export async function startRpc(options: RpcOptions): Promise<RpcServer> {
  const health = new HealthImplementation(
    Object.fromEntries(['', ...PEOPLE, ...PEERS].map((name) => [name, 'SERVING'])),
  );
  const { log, onward, onwardTo, socket, socketGroup, readers } = options;
  const remote = makeServer(options, { log, onward, onwardTo }, [...PEOPLE, ...PEERS, ...STANDARD], health);
  const sockets = [
    { path: socket, group: socketGroup, caller: LOCAL },
    ...(readers === undefined ? [] : [{ path: readers.socket, group: readers.group, caller: LOCAL_READER }]),
  ];
  const locals: Server[] = [];
  for (const { path, group, caller } of sockets) {
    const local = makeServer(options, { log, caller, onward, onwardTo }, [...PEOPLE, ...STANDARD], health);
    await freeSocket(path);
    await bind(local, `unix:${path}`);
    guardSocket(path, group, log);
    locals.push(local);
  }
  const listener = await listen(remote, options);
  return {
    port: listener.port,
    async stop(graceMs) {
      for (const name of ['', ...PEOPLE, ...PEERS]) health.setStatus(name, 'NOT_SERVING');
      listener.close();
      await Promise.all([...locals, remote].map((server) => shutDown(server, graceMs)));
      for (const { path } of sockets) rmSync(path, { force: true });
    },
  };
}

async function listen(server: Server, { trust, listen, patience }: RpcOptions): Promise<TlsListener> {
  const { identity, sessions, onChange } = trust;
  const listener = await listenTls(server, {
    listen,
    context() {
      const { ca, cert, key } = identity();
      return { ca, cert, key };
    },
    mutual: true,
    admit: (socket) => sessions.admit(socket, 'in'),
    handshakeMs: HANDSHAKE_MS * patience,
  });
  onChange(listener.renew);
  return listener;
}

function makeServer(
  options: RpcOptions,
  handling: Handling,
  services: readonly string[],
  health: HealthImplementation,
): Server {
  const limits: ServerOptions = {
    'grpc.keepalive_time_ms': KEEPALIVE_EVERY_MS,
    'grpc.keepalive_timeout_ms': KEEPALIVE_WAIT_MS * options.patience,
    'grpc.max_receive_message_length': MESSAGE_BYTES_MAX,
  };
  const server = new Server(limits);
  server.addService(CnvmServiceService, cnvmCalls(handling, options.cnvms));
  server.addService(NodeServiceService, nodeCalls(handling, options.nodes));
  server.addService(MigrationServiceService, migrationCalls(handling, options.migrations));
  server.addService(EvacuationServiceService, evacuationCalls(handling, options.evacuations));
  server.addService(ImageServiceService, imageCalls(handling, options.images));
  server.addService(WatchServiceService, watchCalls(handling, options.watching));
  server.addService(SnapshotServiceService, snapshotCalls(handling, options.snapshots));
  server.addService(IdentityServiceService, identityCalls(handling, options.identity));
  server.addService(DiagnosisServiceService, diagnosisCalls(handling, options.diagnosis));
  if (handling.caller === undefined) {
    server.addService(BidServiceService, bidCalls(handling, options.evacuations));
    server.addService(PeerDiagnosisService, peerDiagnosisCalls(handling, options.diagnosis));
    server.addService(TrustServiceService, trustCalls(handling, options.identity));
    server.addService(PeerWatchService, followCalls(handling, options.watching));
    server.addService(MeshServiceService, meshCalls(handling, options.mesh, options.node));
    server.addService(MembershipServiceService, memberCalls(handling, options.mesh, options.network));
    server.addService(ReservationServiceService, reservationCalls(handling, options.reservations, options.network));
    server.addService(HandOverServiceService, handOverCalls(handling, options.target));
    server.addService(PeerImageService, peerImageCalls(handling, options.images.serving));
    server.addService(bulkService, bulkCalls(handling, options.bulk));
  }
  const reflection = reflectionCalls(handling, services);
  server.addService(ServerReflectionService, reflection);
  server.addService(OLDER_REFLECTION, reflection);
  health.addToServer(server);
  return server;
}

async function bind(server: Server, address: string): Promise<void> {
  return await new Promise((resolve, reject) => {
    server.bindAsync(address, Credentials.createInsecure(), (error) => {
      if (error === null) resolve();
      else reject(refused('unavailable', `cannot listen on ${address}: ${error.message}`, { cause: error }));
    });
  });
}

/** Removes the socket of a daemon that has died. @throws `refused` when it lives. */
async function freeSocket(socket: string): Promise<void> {
  if (!existsSync(socket)) return;
  const lives = await new Promise<boolean>((resolve) => {
    const probe = createConnection(socket, () => finish(true));
    const timer = setTimeout(() => finish(true), SOCKET_PROBE_MS);
    const finish = (answer: boolean) => {
      clearTimeout(timer);
      probe.destroy();
      resolve(answer);
    };
    probe.on('error', () => finish(false));
  });
  if (lives) throw refused('state', `another cnvmd serves ${socket}`);
  rmSync(socket, { force: true });
}

/** Open to root and to the group; to root alone where there is no such group. */
function guardSocket(socket: string, group: string, log: Logger): void {
  const line = readFileSync('/etc/group', 'utf8')
    .split('\n')
    .find((entry) => entry.startsWith(`${group}:`));
  if (line === undefined) {
    log.warn({ group, socket }, 'there is no such group; only root can use the socket');
    chmodSync(socket, 0o600);
    return;
  }
  chownSync(socket, process.getuid?.() ?? 0, Number(line.split(':')[2]));
  chmodSync(socket, 0o660);
}

async function shutDown(server: Server, graceMs: number): Promise<void> {
  await new Promise<void>((resolve) => {
    const timer = setTimeout(() => {
      server.forceShutdown();
      resolve();
    }, graceMs);
    server.tryShutdown(() => {
      clearTimeout(timer);
      resolve();
    });
  });
}
