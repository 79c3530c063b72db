/**
 * How a channel to a peer makes its connections. Invariant: each is made with the certificate that this node has at the time,
 * is to a node whose certificate was looked at, and is cut when that is revoked or expires.
 *
 * A class, because grpc-js takes no other credentials.
 */
import { createSecureContext, type PeerCertificate, TLSSocket } from 'node:tls';
import { type CallCredentials, ChannelCredentials } from '@grpc/grpc-js';
import { callerOf } from './roles.js';
import { TLS, type Trust } from './trust.js';

type MakeConnector = ChannelCredentials['_createSecureConnector'];
type Connector = ReturnType<MakeConnector>;

/** Why this is not who is to be called. */
type CheckPeer = (certificate: PeerCertificate) => Error | undefined;

export class PeerCredentials extends ChannelCredentials {
  readonly #trust: Trust;
  readonly #check: CheckPeer;

  constructor(trust: Trust, check: CheckPeer) {
    super();
    this.#trust = trust;
    this.#check = check;
  }

  override _isSecure(): boolean {
    return true;
  }

  override _equals(other: ChannelCredentials): boolean {
    return this === other;
  }

  override _createSecureConnector(...[target, options, calls]: Parameters<MakeConnector>): Connector {
    const latest = () => this.#latest()._createSecureConnector(target, options, calls);
    const sessions = this.#trust.sessions;
    const first = latest();
    return {
      async connect(socket) {
        const made = await latest().connect(socket);
        const why = made.socket instanceof TLSSocket ? sessions.admit(made.socket, 'out') : 'it is not TLS';
        if (why !== undefined) throw new Error(why);
        return made;
      },
      waitForReady: () => Promise.resolve(),
      getCallCredentials: (): CallCredentials => first.getCallCredentials(),
      destroy: () => undefined,
    };
  }

  #latest(): ChannelCredentials {
    const { ca, cert, key } = this.#trust.identity();
    return ChannelCredentials.createFromSecureContext(createSecureContext({ ...TLS, ca, cert, key }), {
      checkServerIdentity: (_, certificate) => this.#check(certificate),
    });
  }
}

/** Undefined when the certificate is that node's. */
export function wrongNode(name: string, certificate: PeerCertificate): Error | undefined {
  const found = callerOf(certificate.subjectaltname ?? '');
  if (found.role === 'node' && found.name === name) return undefined;
  return new Error(`its certificate is that of ${found.role} ${found.name}, not of node ${name}`);
}
