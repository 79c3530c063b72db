/**
 * The connections that stand, in both directions, with who is at their other end. Invariant: one whose other end is revoked or
 * has expired is cut at once, with every stream in it; and none of these comes up.
 */
import type { DetailedPeerCertificate, PeerCertificate, TLSSocket } from 'node:tls';
import type { Logger } from 'pino';
import { plainSerial, subjectOf } from '../pki/subject.js';

export interface Sessions {
  /** Watches the connection from now on. @returns why it must not be; then it is cut already. */
  admit(socket: TLSSocket, way: 'in' | 'out'): string | undefined;
  /** Why whoever shows this certificate is not let in. */
  refusal(certificate: PeerCertificate | DetailedPeerCertificate): string | undefined;
  /** Cuts what must not be any more; afterwards it is gone. */
  check(): void;
  close(): void;
}

interface Session {
  readonly certificate: PeerCertificate;
  readonly way: 'in' | 'out';
}

/** A certificate expires in the middle of a second, and clocks are set: so the clock is looked at, and no timer trusted. */
const LOOK_EVERY_MS = 500;

/** @param seen is told of each certificate in DER that was let in. */
export function createSessions(
  isRevoked: (serial: string) => boolean,
  log: Logger,
  seen: (der: Buffer) => void = () => undefined,
): Sessions {
  const live = new Map<TLSSocket, Session>();

  function refusal(certificate: PeerCertificate): string | undefined {
    if (typeof certificate.serialNumber !== 'string') return 'it has shown no certificate';
    if (isRevoked(plainSerial(certificate.serialNumber))) return `the certificate of ${whose(certificate)} is revoked`;
    if (Date.now() >= Date.parse(certificate.valid_to)) return `the certificate of ${whose(certificate)} has expired`;
    return undefined;
  }

  function check(): void {
    for (const [socket, { certificate, way }] of live) {
      const why = refusal(certificate);
      if (why === undefined) continue;
      live.delete(socket);
      log.warn({ peer: whose(certificate), way, why }, 'a connection is cut');
      socket.destroy();
    }
  }

  const looking = setInterval(check, LOOK_EVERY_MS);
  looking.unref();
  return {
    admit(socket, way) {
      const certificate = socket.getPeerCertificate();
      const why = refusal(certificate);
      if (why !== undefined) {
        log.warn({ peer: whose(certificate), way, why }, 'a connection is refused');
        socket.destroy();
        return why;
      }
      live.set(socket, { certificate, way });
      seen(certificate.raw);
      socket.once('close', () => live.delete(socket));
      return undefined;
    },
    refusal,
    check,
    close: () => clearInterval(looking),
  };
}

function whose({ subjectaltname }: PeerCertificate): string {
  const subject = subjectOf(subjectaltname ?? '');
  return subject === undefined ? 'nobody' : `${subject.role} ${subject.name}`;
}
