/**
 * Who this node is and whom it believes, put together for the daemon: its certificate and how it is renewed, the list of what is
 * revoked and how it gets round, and, where this node holds the CA's key, the door for new nodes. Invariant: what becomes
 * revoked is cut off before anybody else is told.
 */
import { dirname, join } from 'node:path';
import type { Logger } from 'pino';
import { messageOf, refused } from '../base/errors.js';
import { renewNode } from '../pki/admit.js';
import { parseCertificate } from '../pki/facts.js';
import type { TlsFiles } from '../pki/identity.js';
import { keepSeen } from '../pki/pki-dir.js';
import { keepRenewing } from '../pki/renewal.js';
import { openRevocations } from '../pki/revocations.js';
import { openRotation, type Rotation } from '../pki/rotation.js';
import { keepDoor } from './join-door.js';
import { createSessions } from './sessions.js';
import { keepTelling, type TrustLink } from './tell-revocations.js';
import { createTrust, type Trust } from './trust.js';
import type { TrustPort } from './trust-calls.js';

export interface IdentityOptions {
  readonly node: string;
  readonly tls: TlsFiles & {
    readonly crl?: string | undefined;
    readonly caKey?: string | undefined;
    readonly joinListen: string;
  };
  readonly log: Logger;
}

export interface TrustedPeer {
  readonly name: string;
  readonly trust: TrustLink;
}

export interface OpenIdentity {
  readonly trust: Trust;
  readonly port: TrustPort;
  /** Begins to renew, to tell and to let in. */
  start(peers: () => readonly TrustedPeer[]): void;
  /** Looks at the files now. */
  reload(): void;
  close(): void;
}

/** A CA that writes to its disk answers in this time. */
const RENEW_MS = 10_000;

/** @throws `refused` when the node's files do not fit together. Afterwards the files are watched. */
export async function openIdentity({ node, tls, log }: IdentityOptions): Promise<OpenIdentity> {
  const authority = tls.caKey === undefined ? undefined : dirname(tls.caKey);
  const rotation = openRotation(tls, node, log);
  const revocations = await openRevocations({
    file: tls.crl ?? join(dirname(tls.ca), 'ca.crl'),
    ca: () => rotation.current().ca,
    authority,
    log,
  });
  // Whoever is to be revoked here by its name must be known here, wherever its certificate was made.
  const seen = (der: Buffer) => {
    if (authority === undefined) return;
    void keepSeen(authority, der).catch((error: unknown) =>
      log.error({ error: messageOf(error) }, 'a certificate is not noted'),
    );
  };
  const trust = createTrust(rotation, createSessions(revocations.isRevoked, log, seen));
  const complain = () => {
    if (revocations.isRevoked(rotation.current().serial))
      log.error(
        { serial: rotation.current().serial },
        "this node's own certificate is revoked: no peer lets it in any more",
      );
  };
  revocations.onChange(trust.sessions.check);
  revocations.onChange(complain);
  complain();
  const renew: TrustPort['renew'] =
    authority === undefined ? undefined : (holder, request) => renewNode(authority, holder, request);
  const stopped = new AbortController();
  return {
    trust,
    port: { identity: rotation.current, revocations, renew },
    start(peers) {
      const ask = (request: Uint8Array) => askToRenew(rotation, renew, peers(), request);
      void keepRenewing({ files: tls, rotation, ask, log }, stopped.signal);
      void keepTelling({ peers, revocations, log }, stopped.signal);
      if (authority === undefined) return;
      seen(parseCertificate(rotation.current().cert, tls.cert).raw);
      const close = keepDoor({ directory: authority, listen: tls.joinListen, log });
      stopped.signal.addEventListener('abort', close, { once: true });
    },
    reload: () => void rotation.reload(),
    close() {
      stopped.abort();
      rotation.close();
      revocations.close();
      trust.sessions.close();
    },
  };
}

/** Of this node, if it holds the CA's key, and else of the first peer that does. @throws `refused` with what each has said. */
async function askToRenew(
  rotation: Rotation,
  renew: TrustPort['renew'],
  peers: readonly TrustedPeer[],
  request: Uint8Array,
): Promise<string> {
  const { subject, serial } = rotation.current();
  if (renew !== undefined) return await renew({ name: subject.name, serial }, request);
  const reasons: string[] = [];
  for (const { name, trust } of peers) {
    try {
      return await trust.renew(request, { timeoutMs: RENEW_MS });
    } catch (error) {
      reasons.push(`${name}: ${messageOf(error)}`);
    }
  }
  throw refused('unavailable', `nobody has renewed it: ${reasons.join('; ') || 'there is no peer'}`, { reasons });
}
