/** Who may call what, pure. Invariant: what the table does not name is refused to everybody. */
import { subjectOf } from '../pki/subject.js';

/**
 * - `local`: came through the Unix socket; the socket's mode says who can.
 * - `node`: has a node's certificate of this mesh.
 * - `operator`: has an operator's certificate of this mesh.
 * - `reader`: has a reader's, or came through the Unix socket for readers.
 * - `stranger`: has no certificate yet, and came to the door for those who join.
 * - `nobody`: has a certificate of this mesh that names none of these.
 */
export type Role = 'local' | 'node' | 'operator' | 'reader' | 'stranger' | 'nobody';

export interface Caller {
  readonly role: Role;
  /** As in the certificate; "local" through the socket. */
  readonly name: string;
  /** Of the certificate, if there is one. */
  readonly serial?: string;
}

export const LOCAL: Caller = { role: 'local', name: 'local' };
export const LOCAL_READER: Caller = { role: 'reader', name: 'local' };
export const STRANGER: Caller = { role: 'stranger', name: 'stranger' };
const NOBODY: Caller = { role: 'nobody', name: 'nobody' };

/** Changes something, or shows what is inside of a cnvm. */
const ACTS: readonly Role[] = ['local', 'operator'];
/** Lists, inspects or watches. */
const READS: readonly Role[] = ['local', 'operator', 'reader'];
const PEERS: readonly Role[] = ['node'];
/** What keeps cnvms from a node that dies: a peer may see it first. */
const ACTS_OR_PEERS: readonly Role[] = [...ACTS, ...PEERS];
const JOINS: readonly Role[] = ['stranger'];
/** For whoever has come in at all. */
const STANDARD: readonly Role[] = ['local', 'operator', 'reader', 'node'];

/** Every method that is served, by its full path. */
const ALLOWED: Readonly<Record<string, readonly Role[]>> = {
  '/cnvm.v1.CnvmService/CreateCnvm': ACTS,
  '/cnvm.v1.CnvmService/StartCnvm': ACTS,
  '/cnvm.v1.CnvmService/StopCnvm': ACTS,
  '/cnvm.v1.CnvmService/RemoveCnvm': ACTS,
  '/cnvm.v1.CnvmService/ListCnvms': READS,
  '/cnvm.v1.CnvmService/GetCnvm': READS,
  '/cnvm.v1.CnvmService/ExecCnvm': ACTS,
  '/cnvm.v1.CnvmService/ReadLogs': ACTS,
  '/cnvm.v1.ImageService/ListImages': READS,
  '/cnvm.v1.ImageService/GetImage': READS,
  '/cnvm.v1.ImageService/PullImage': ACTS,
  '/cnvm.v1.ImageService/RemoveImage': ACTS,
  '/cnvm.v1.ImageService/PruneImages': ACTS,
  '/cnvm.v1.ImageService/DistributeImage': ACTS,
  '/cnvm.v1.MigrationService/Migrate': ACTS,
  '/cnvm.v1.MigrationService/WatchMigration': READS,
  '/cnvm.v1.MigrationService/AbortMigration': ACTS,
  '/cnvm.v1.MigrationService/ListMigrations': READS,
  '/cnvm.v1.MigrationService/ListDoubts': READS,
  '/cnvm.v1.MigrationService/ForceRecovery': ACTS,
  '/cnvm.v1.NodeService/GetNode': READS,
  '/cnvm.v1.NodeService/ListNodes': READS,
  '/cnvm.v1.NodeService/JoinMesh': ACTS,
  '/cnvm.v1.NodeService/LeaveMesh': ACTS,
  '/cnvm.v1.NodeService/RekeyOverlay': ACTS,
  '/cnvm.v1.DiagnosisService/GetDiagnosis': READS,
  '/cnvm.v1.EvacuationService/Evacuate': ACTS_OR_PEERS,
  '/cnvm.v1.EvacuationService/StopEvacuation': ACTS,
  '/cnvm.v1.EvacuationService/Cordon': ACTS,
  '/cnvm.v1.EvacuationService/Uncordon': ACTS,
  '/cnvm.v1.WatchService/Watch': READS,
  '/cnvm.v1.SnapshotService/TakeSnapshot': ACTS,
  '/cnvm.v1.SnapshotService/RestoreSnapshot': ACTS,
  '/cnvm.v1.IdentityService/GetIdentity': READS,
  '/cnvm.v1.IdentityService/PublishRevocations': ACTS,
  '/cnvm.peer.v1.MeshService/Describe': PEERS,
  '/cnvm.peer.v1.MeshService/Announce': PEERS,
  '/cnvm.peer.v1.MembershipService/Exchange': PEERS,
  '/cnvm.peer.v1.DiagnosisService/Diagnose': PEERS,
  '/cnvm.peer.v1.ReservationService/Reserve': PEERS,
  '/cnvm.peer.v1.ReservationService/LetGo': PEERS,
  '/cnvm.peer.v1.HandOverService/Offer': PEERS,
  '/cnvm.peer.v1.HandOverService/Seed': PEERS,
  '/cnvm.peer.v1.HandOverService/Round': PEERS,
  '/cnvm.peer.v1.HandOverService/Prepare': PEERS,
  '/cnvm.peer.v1.HandOverService/Collect': PEERS,
  '/cnvm.peer.v1.HandOverService/HandOver': PEERS,
  '/cnvm.peer.v1.HandOverService/Release': PEERS,
  '/cnvm.peer.v1.HandOverService/Cancel': PEERS,
  '/cnvm.peer.v1.HandOverService/Query': PEERS,
  '/cnvm.peer.v1.BidService/Bid': PEERS,
  '/cnvm.peer.v1.BulkService/Probe': PEERS,
  '/cnvm.peer.v1.BulkService/Tunnel': PEERS,
  '/cnvm.peer.v1.BulkService/PullImages': PEERS,
  '/cnvm.peer.v1.ImageService/HaveBlobs': PEERS,
  '/cnvm.peer.v1.ImageService/PullBlob': PEERS,
  '/cnvm.peer.v1.ImageService/TakeImage': PEERS,
  '/cnvm.peer.v1.WatchService/Follow': PEERS,
  '/cnvm.peer.v1.TrustService/Revocations': PEERS,
  '/cnvm.peer.v1.TrustService/Renew': PEERS,
  '/cnvm.peer.v1.JoinService/Join': JOINS,
  '/grpc.health.v1.Health/Check': [...STANDARD, 'nobody'],
  '/grpc.health.v1.Health/Watch': [...STANDARD, 'nobody'],
  '/grpc.health.v1.Health/List': [...STANDARD, 'nobody'],
  '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo': STANDARD,
  '/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo': STANDARD,
};

/** The paths of all methods that anybody may call. */
export const METHODS: readonly string[] = Object.keys(ALLOWED);

/**
 * What a node may hand on to the owner of a cnvm, or to the node that it is about, for a person who called it. Nothing else of
 * `cnvm.v1` is open to a node, but to ask a peer to empty itself; and
 * the table above decides for the person's own role, at both ends. A node is trusted to name the person: it could as well
 * do with its own cnvms what it likes, and its certificate is what stands in the owner's log.
 */
const FORWARDED: readonly string[] = [
  ...['StartCnvm', 'StopCnvm', 'RemoveCnvm', 'GetCnvm', 'ExecCnvm', 'ReadLogs'].map(
    (one) => `/cnvm.v1.CnvmService/${one}`,
  ),
  ...['Migrate', 'AbortMigration'].map((one) => `/cnvm.v1.MigrationService/${one}`),
  ...['Evacuate', 'StopEvacuation', 'Cordon', 'Uncordon'].map((one) => `/cnvm.v1.EvacuationService/${one}`),
];

/** The metadata key of a call that is handed on: "ROLE/NAME" of who made it. */
export const ON_BEHALF = 'cnvm-on-behalf-of';
const BEHALF = /^([a-z]+)\/([a-z0-9.-]{1,64})$/;
/** Who may stand behind a node's call. */
const PERSONS: readonly Role[] = [...new Set([...ACTS, ...READS])];

export const behalfOf = ({ role, name }: Caller): string => `${role}/${name}`;

/** For whom a node calls; undefined when it calls for itself, or may not hand this on, or not for that person. */
export function callerBehind(node: Caller, path: string, onBehalf: string): Caller | undefined {
  const match = node.role === 'node' && FORWARDED.includes(path) ? BEHALF.exec(onBehalf) : null;
  const role = PERSONS.find((one) => one === match?.[1]);
  if (match === null || role === undefined || !rolesFor(path).includes(role)) return undefined;
  const { serial } = node;
  return { role, name: `${match[2] ?? ''} through ${node.name}`, ...(serial === undefined ? {} : { serial }) };
}

/** The roles that may call a method, by its full path, for example "/cnvm.v1.NodeService/GetNode". */
export function rolesFor(path: string): readonly Role[] {
  return Object.hasOwn(ALLOWED, path) ? (ALLOWED[path] ?? []) : [];
}

/** Who a certificate's subject alternative names, as Node.js prints them, stand for. */
export function callerOf(subjectAltName: string): Caller {
  const subject = subjectOf(subjectAltName);
  return subject === undefined || subject.role === 'authority' ? NOBODY : { role: subject.role, name: subject.name };
}
