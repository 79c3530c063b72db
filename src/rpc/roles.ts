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
