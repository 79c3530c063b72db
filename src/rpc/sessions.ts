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
  /** Whether the last certificate of that node that was good is so no more. One that was never seen is not out. */
  isOut(node: string): boolean;
  /** Called when a node is out that was in. */
  onOut(listener: () => void): void;
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
  /** By node: the last that was good when it was shown, else the last of all. */
  const shown = new Map<string, PeerCertificate>();
  let out: ReadonlySet<string> = new Set();
  const listeners: (() => void)[] = [];

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
    tellOut();
  }

  const isOut = (node: string): boolean => {
    const certificate = shown.get(node);
    return certificate !== undefined && refusal(certificate) !== undefined;
  };

  function show(certificate: PeerCertificate): void {
    const subject = subjectOf(certificate.subjectaltname ?? '');
    if (subject?.role !== 'node') return;
    // Whoever comes with an old one takes nothing from who came with a good one.
    if (refusal(certificate) === undefined || !shown.has(subject.name)) shown.set(subject.name, certificate);
    tellOut();
  }

  function tellOut(): void {
    const now = [...shown.keys()].filter(isOut);
    const isNews = now.some((node) => !out.has(node));
    out = new Set(now);
    if (isNews) for (const listener of listeners) listener();
  }

  const looking = setInterval(check, LOOK_EVERY_MS);
  looking.unref();
  return {
    admit(socket, way) {
      const certificate = socket.getPeerCertificate();
      const why = refusal(certificate);
      show(certificate);
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
    isOut,
    onOut: (listener) => void listeners.push(listener),
    check,
    close: () => clearInterval(looking),
  };
}

function whose({ subjectaltname }: PeerCertificate): string {
  const subject = subjectOf(subjectaltname ?? '');
  return subject === undefined ? 'nobody' : `${subject.role} ${subject.name}`;
}
