/**
 * The certificates of a mesh: one CA, one certificate a node, an operator or a reader. Invariant: who somebody is stands in
 * the certificate's URI, `spiffe://cnvm/ROLE/NAME`, and nowhere else; keys are made here and never leave but as PEM.
 */
import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import * as x509 from '@peculiar/x509';
import { BACKDATE_MS, CA_LIFETIME_MS, LIFETIME_MS } from './lifetimes.js';
import { ENROLMENT_DIGITS, enrolmentOf, type Subject, uriOf } from './subject.js';

/** ECDSA on P-256: what every TLS library speaks, and fast. */
export const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
/** As long as X.509 allows; so what is left beside the enrolment cannot be guessed, nor come twice. */
const SERIAL_DIGITS = 40;

export interface KeyPair {
  /** PEM. */
  readonly certificate: string;
  /** PEM, PKCS #8. */
  readonly key: string;
}

export interface Wish extends Subject {
  /** Of the certificate that this one renews, if it does. */
  readonly renews?: string | undefined;
  readonly lifetimeMs?: number | undefined;
}

/** A CA for one mesh. */
export async function makeAuthority(): Promise<KeyPair> {
  const keys = await makeKeys();
  const now = Date.now();
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: 'CN=cnvm mesh',
    keys,
    signingAlgorithm: ALGORITHM,
    serialNumber: serialNumber(),
    notBefore: new Date(now - BACKDATE_MS),
    notAfter: new Date(now + CA_LIFETIME_MS),
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { certificate: certificate.toString('pem'), key: await exportKey(keys.privateKey) };
}

/** A certificate and its key for somebody. */
export async function issue(authority: KeyPair, wish: Wish): Promise<KeyPair> {
  const keys = await makeKeys();
  return { certificate: await sign(authority, keys.publicKey, wish), key: await exportKey(keys.privateKey) };
}

/** A certificate for a key. What it says is in `wish` and here, and nothing of it comes from whoever holds the key. */
export async function sign(
  authority: KeyPair,
  publicKey: x509.PublicKey | webcrypto.CryptoKey,
  wish: Wish,
): Promise<string> {
  const issuer = new x509.X509Certificate(authority.certificate);
  const names: x509.JsonGeneralNames = [{ type: 'url', value: uriOf(wish) }];
  if (SERVES.includes(wish.role)) names.push({ type: 'dns', value: wish.name });
  const now = Date.now();
  const notAfterMs = Math.min(now + (wish.lifetimeMs ?? LIFETIME_MS[wish.role]), issuer.notAfter.getTime());
  const certificate = await x509.X509CertificateGenerator.create({
    subject: `CN=${wish.name}`,
    issuer: issuer.subject,
    publicKey,
    signingKey: await importKey(authority.key),
    signingAlgorithm: ALGORITHM,
    serialNumber: serialNumber(wish.renews),
    notBefore: new Date(now - BACKDATE_MS),
    notAfter: new Date(notAfterMs),
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension(purposesOf(wish)),
      new x509.SubjectAlternativeNameExtension(names),
      await x509.AuthorityKeyIdentifierExtension.create(issuer.publicKey),
    ],
  });
  return certificate.toString('pem');
}

const SERVES: readonly string[] = ['node', 'authority'];

/** A node serves and calls, people only call, and the authority's only serves. */
function purposesOf({ role }: Subject): x509.ExtendedKeyUsage[] {
  const serves = SERVES.includes(role) ? [x509.ExtendedKeyUsage.serverAuth] : [];
  return role === 'authority' ? serves : [...serves, x509.ExtendedKeyUsage.clientAuth];
}

/** Of a new enrolment, or of the one of the certificate that is renewed. */
function serialNumber(renews?: string): string {
  const bytes = webcrypto.getRandomValues(new Uint8Array(SERIAL_DIGITS / 2));
  // Positive, as X.509 wants it, and never with a zero at its front: its first digits are compared.
  bytes[0] = ((bytes[0] ?? 0) & 0x3f) | 0x40;
  const fresh = Buffer.from(bytes).toString('hex');
  const enrolment = renews === undefined ? '' : enrolmentOf(renews);
  return enrolment.length === ENROLMENT_DIGITS ? enrolment + fresh.slice(ENROLMENT_DIGITS) : fresh;
}

export async function makeKeys(): Promise<webcrypto.CryptoKeyPair> {
  return await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
}

export async function exportKey(key: webcrypto.CryptoKey): Promise<string> {
  return x509.PemConverter.encode(await webcrypto.subtle.exportKey('pkcs8', key), 'PRIVATE KEY');
}

export async function importKey(pem: string): Promise<webcrypto.CryptoKey> {
  return await webcrypto.subtle.importKey('pkcs8', x509.PemConverter.decodeFirst(pem), ALGORITHM, false, ['sign']);
}
