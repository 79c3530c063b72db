/** Who may call what, pure. Invariant: what the table does not allow is refused. */

/**
 * - `local`: came through the Unix socket; the socket's mode says who can.
 * - `node`: has a node's certificate of this mesh.
 * - `operator`: has an operator's certificate of this mesh.
 * - `nobody`: has a certificate of this mesh that names neither.
 */
export type Role = 'local' | 'node' | 'operator' | 'nobody';

export interface Caller {
  readonly role: Role;
  /** As in the certificate; "local" through the socket. */
  readonly name: string;
}

export const LOCAL: Caller = { role: 'local', name: 'local' };

const ALLOWED: readonly { readonly prefix: string; readonly roles: readonly Role[] }[] = [
  { prefix: '/cnvm.v1.', roles: ['local', 'operator'] },
  { prefix: '/cnvm.peer.v1.', roles: ['node'] },
  { prefix: '/grpc.health.v1.Health/', roles: ['local', 'operator', 'node', 'nobody'] },
  { prefix: '/grpc.reflection.', roles: ['local', 'operator', 'node'] },
];

/**
 * What a node may hand on to the owner of a cnvm, for a person who called it. Nothing else of `cnvm.v1` is open to a node; and
 * the table above decides for the person's own role, at both ends. A node is trusted to name the person: it could as well
 * do with its own cnvms what it likes, and its certificate is what stands in the owner's log.
 */
const FORWARDED: readonly string[] = [
  ...['StartCnvm', 'StopCnvm', 'RemoveCnvm', 'GetCnvm', 'ExecCnvm', 'ReadLogs'].map(
    (one) => `/cnvm.v1.CnvmService/${one}`,
  ),
  ...['Migrate', 'AbortMigration'].map((one) => `/cnvm.v1.MigrationService/${one}`),
];

/** The metadata key of a call that is handed on: "ROLE/NAME" of who made it. */
export const ON_BEHALF = 'cnvm-on-behalf-of';
const BEHALF = /^(local|operator)\/([a-z0-9.-]{1,64})$/;

export const behalfOf = ({ role, name }: Caller): string => `${role}/${name}`;

/** For whom a node calls; undefined when it calls for itself, or may not hand this on. */
export function callerBehind(node: Caller, path: string, onBehalf: string): Caller | undefined {
  const match = node.role === 'node' && FORWARDED.includes(path) ? BEHALF.exec(onBehalf) : null;
  if (match === null) return undefined;
  return { role: match[1] === 'local' ? 'local' : 'operator', name: `${match[2] ?? ''} through ${node.name}` };
}

/** The roles that may call a method, by its full path, for example "/cnvm.v1.NodeService/GetNode". */
export function rolesFor(path: string): readonly Role[] {
  return ALLOWED.find(({ prefix }) => path.startsWith(prefix))?.roles ?? [];
}

/** Who a certificate's subject alternative names, as Node.js prints them, stand for. */
export function callerOf(subjectAltName: string): Caller {
  const match = /(?:^|, )URI:spiffe:\/\/cnvm\/(node|operator)\/([a-z0-9.-]+)(?:,|$)/.exec(subjectAltName);
  if (match === null) return { role: 'nobody', name: 'nobody' };
  return { role: match[1] === 'node' ? 'node' : 'operator', name: match[2] ?? '' };
}
