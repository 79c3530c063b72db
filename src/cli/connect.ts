/** The daemon, as the commands call it: over its Unix socket, or over TCP with an operator's certificate. */
import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import {
  type ChannelCredentials,
  type ClientReadableStream,
  credentials,
  type ServiceError,
  status,
} from '@grpc/grpc-js';
import { CnvmError, messageOf, refused } from '../base/errors.js';
import { CnvmServiceClient } from '../gen/cnvm/v1/cnvm.js';
import { DiagnosisServiceClient } from '../gen/cnvm/v1/diagnosis.js';
import { EvacuationServiceClient } from '../gen/cnvm/v1/evacuation.js';
import { IdentityServiceClient } from '../gen/cnvm/v1/identity.js';
import { ImageServiceClient } from '../gen/cnvm/v1/image.js';
import { MigrationServiceClient } from '../gen/cnvm/v1/migration.js';
import { NodeServiceClient } from '../gen/cnvm/v1/node.js';
import { SnapshotServiceClient } from '../gen/cnvm/v1/snapshot.js';
import { WatchServiceClient } from '../gen/cnvm/v1/watch.js';
import { fromServiceError } from '../rpc/status.js';
import { TLS } from '../rpc/trust.js';

export interface Where {
  /** Path of the Unix socket; used when there is no endpoint. */
  readonly socket: string;
  /** HOST:PORT of a daemon, possibly elsewhere. */
  readonly endpoint: string | undefined;
  readonly ca: string | undefined;
  readonly cert: string | undefined;
  readonly key: string | undefined;
  /** The name in the daemon's certificate, when it is not the endpoint's host. */
  readonly serverName: string | undefined;
}

export interface Connection {
  readonly cnvms: CnvmServiceClient;
  readonly nodes: NodeServiceClient;
  readonly images: ImageServiceClient;
  readonly migrations: MigrationServiceClient;
  readonly identity: IdentityServiceClient;
  readonly diagnosis: DiagnosisServiceClient;
  readonly evacuations: EvacuationServiceClient;
  readonly watch: WatchServiceClient;
  readonly snapshots: SnapshotServiceClient;
  /** For people. */
  readonly who: string;
  close(): void;
}

/** No daemon answered: not a word about the cnvm is known. */
export class Unreachable extends CnvmError {}

/** @throws `refused` when the certificates cannot be read. Connects at the first call. */
export function connect(where: Where): Connection {
  const address = where.endpoint ?? `unix:${where.socket}`;
  const secure = where.endpoint === undefined ? credentials.createInsecure() : operatorCredentials(where);
  const options = where.serverName === undefined ? {} : { 'grpc.ssl_target_name_override': where.serverName };
  const cnvms = new CnvmServiceClient(address, secure, options);
  const nodes = new NodeServiceClient(address, secure, options);
  const images = new ImageServiceClient(address, secure, options);
  const migrations = new MigrationServiceClient(address, secure, options);
  const identity = new IdentityServiceClient(address, secure, options);
  const diagnosis = new DiagnosisServiceClient(address, secure, options);
  const evacuations = new EvacuationServiceClient(address, secure, options);
  const watch = new WatchServiceClient(address, secure, options);
  const snapshots = new SnapshotServiceClient(address, secure, options);
  const who = where.endpoint === undefined ? `cnvmd at ${where.socket}` : `cnvmd at ${where.endpoint}`;
  return {
    cnvms,
    nodes,
    images,
    migrations,
    identity,
    diagnosis,
    evacuations,
    snapshots,
    watch,
    who,
    close() {
      for (const client of [cnvms, nodes, images, migrations, identity, diagnosis, evacuations, snapshots, watch])
        client.close();
    },
  };
}

/** One call as a promise. @throws the daemon's own error, or `Unreachable`. */
export async function call<A>(
  connection: Connection,
  begin: (done: (error: ServiceError | null, answer: A) => void) => unknown,
): Promise<A> {
  return await new Promise((resolve, reject) => {
    begin((error, answer) => (error === null ? resolve(answer) : reject(toError(error, connection))));
  });
}

/** The messages of a stream, in order. @throws like `call`. */
export async function* messages<A>(connection: Connection, stream: ClientReadableStream<A>): AsyncGenerator<A> {
  try {
    for await (const message of stream) yield message as A;
  } catch (error) {
    throw toError(error as ServiceError, connection);
  }
}

export function toError(error: ServiceError, { who }: Connection): CnvmError {
  const found = fromServiceError(error, who);
  if (error.code !== status.UNAVAILABLE || error.metadata.get('cnvm-error-bin').length > 0) return found;
  const remedy = 'Is cnvmd running, and may you use its socket? Members of the group "cnvm" may.';
  return new Unreachable('refused', found.message, { kind: 'unavailable', remedy });
}

function operatorCredentials({ ca, cert, key }: Where): ChannelCredentials {
  if (ca === undefined || cert === undefined || key === undefined) {
    throw refused('invalid', '--endpoint needs --tls-ca, --tls-cert and --tls-key');
  }
  try {
    const pair = { ca: readFileSync(ca), key: readFileSync(key), cert: readFileSync(cert) };
    return credentials.createFromSecureContext(createSecureContext({ ...TLS, ...pair }));
  } catch (error) {
    throw refused('invalid', `cannot use the certificates: ${messageOf(error)}`, { cause: error });
  }
}
