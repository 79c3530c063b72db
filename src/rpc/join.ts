/**
 * Joining a mesh with a token. Invariant: the key never leaves this machine; the secret is said only over TLS to whoever shows a
 * certificate of the very CA whose fingerprint is in the token, made for the one who answers newcomers.
 */
import { X509Certificate } from 'node:crypto';
import { connect, createSecureContext, type DetailedPeerCertificate, type PeerCertificate } from 'node:tls';
import { ChannelCredentials, Metadata } from '@grpc/grpc-js';
import { messageOf, refused } from '../base/errors.js';
import { type JoinResponse, JoinServiceClient } from '../gen/cnvm/peer/v1/trust.js';
import { fingerprintOf, parseAuthorities } from '../pki/facts.js';
import type { JoinToken } from '../pki/join-token.js';
import { subjectOf } from '../pki/subject.js';
import { fromServiceError } from './status.js';
import { TLS } from './trust.js';

export interface Joined {
  /** PEM. */
  readonly certificate: string;
  readonly ca: string;
  /** DER; empty when nothing is revoked. */
  readonly crl: Uint8Array;
}

const CONNECT_MS = 10_000;
const ANSWER_MS = 20_000;
/** More than any mesh's. */
const CHAIN_MAX = 4;

/** @param request a certificate request in DER. @throws `refused`; before the secret was said when it is not that mesh. */
export async function join(token: JoinToken, node: string, request: Uint8Array): Promise<Joined> {
  const ca = await fetchAuthority(token);
  const credentials = ChannelCredentials.createFromSecureContext(createSecureContext({ ...TLS, ca }), {
    checkServerIdentity: (_, certificate) => wrongAuthority(certificate),
  });
  const client = new JoinServiceClient(token.address, credentials, {
    'grpc.enable_retries': 0,
    // It may be reached at an address that is no name.
    'grpc.ssl_target_name_override': 'authority',
  });
  const asked = { token: token.id, secret: token.secret, node, request };
  try {
    const answer = await new Promise<JoinResponse>((resolve, reject) => {
      client.join(asked, new Metadata(), { deadline: Date.now() + ANSWER_MS }, (error, done) =>
        error === null ? resolve(done) : reject(fromServiceError(error, token.address)),
      );
    });
    return { ...answer, ca: believed(answer.ca, ca) };
  } finally {
    client.close();
  }
}

/**
 * By its fingerprint we know one CA. Another one beside it, which is about to take its place or to leave it, we have by the word
 * of who holds the first one's key: nobody else gets the certificate that was demanded here.
 */
function believed(said: string, known: string): string {
  const fingerprints = (pem: string) => parseAuthorities(pem, 'what was said to be the CA').map(fingerprintOf);
  const [wanted = ''] = fingerprints(known);
  return said !== '' && fingerprints(said).includes(wanted) ? said : known;
}

/** The CA's certificate, PEM, as the server shows it; nothing is said to it. @throws `refused` when it is another one's. */
async function fetchAuthority({ address, fingerprint }: JoinToken): Promise<string> {
  const shown = await chainAt(address);
  const found = shown.find((one) => fingerprintOf(new X509Certificate(one.raw)) === fingerprint);
  if (found !== undefined) return new X509Certificate(found.raw).toString();
  throw refused('forbidden', `${address} is not of the mesh that the token is for; the token was not shown to it`, {
    remedy: 'Make sure of the address; whoever answers there may not be who you think.',
  });
}

async function chainAt(address: string): Promise<PeerCertificate[]> {
  const colon = address.lastIndexOf(':');
  const [host, port] = [address.slice(0, colon).replace(/^\[|\]$/g, ''), Number(address.slice(colon + 1))];
  return await new Promise((resolve, reject) => {
    // Whether it can be trusted is what is to be found out: the fingerprint decides, and then the whole handshake once more.
    const socket = connect({ ...TLS, host, port, rejectUnauthorized: false, ALPNProtocols: ['h2'] });
    const fail = (error: Error) => {
      socket.destroy();
      const remedy =
        'The door is open while there is a token; make sure of address and firewall, and whether it has expired.';
      reject(refused('unavailable', `nobody to join at ${address}: ${messageOf(error)}`, { remedy, cause: error }));
    };
    socket.setTimeout(CONNECT_MS, () => fail(new Error('no answer')));
    socket.once('error', fail);
    socket.once('secureConnect', () => {
      resolve(chainOf(socket.getPeerCertificate(true)));
      socket.destroy();
    });
  });
}

function chainOf(leaf: DetailedPeerCertificate): PeerCertificate[] {
  const chain: DetailedPeerCertificate[] = [];
  for (let one: DetailedPeerCertificate | undefined = leaf; one?.raw !== undefined; one = one.issuerCertificate) {
    if (chain.includes(one) || chain.length >= CHAIN_MAX) break;
    chain.push(one);
  }
  return chain;
}

function wrongAuthority({ subjectaltname }: PeerCertificate): Error | undefined {
  const found = subjectOf(subjectaltname ?? '');
  if (found?.role === 'authority') return undefined;
  return new Error('its certificate is not that of who lets new nodes in');
}
