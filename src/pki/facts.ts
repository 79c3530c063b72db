/** A certificate, read: what it says, in the words that everything here uses. */
import { X509Certificate } from 'node:crypto';
import { messageOf, refused } from '../base/errors.js';
import { plainSerial, type Subject, subjectOf } from './subject.js';

export interface CertificateFacts {
  /** Undefined: it stands for nobody of a mesh. */
  readonly subject: Subject | undefined;
  readonly serial: string;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  /** SHA-256 of the certificate, in hexadecimal digits without colons. */
  readonly fingerprint: string;
}

/** @throws `refused` when it is no certificate. */
export function parseCertificate(pem: string, what: string): X509Certificate {
  try {
    return new X509Certificate(pem);
  } catch (error) {
    throw refused('invalid', `${what} is no certificate: ${messageOf(error)}`, { cause: error });
  }
}

/**
 * The CAs of a file, which has one, and two while one takes the place of the other; the first is the one by which everybody
 * shall be certified. @throws `refused` when one is no certificate, or there is none.
 */
export function parseAuthorities(pem: string, what: string): X509Certificate[] {
  const texts = pem.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? [pem];
  return texts.map((text) => parseCertificate(text, what));
}

/** The one that has signed it, if one has. */
export function issuerOf(
  certificate: X509Certificate,
  authorities: readonly X509Certificate[],
): X509Certificate | undefined {
  return authorities.find((one) => certificate.checkIssued(one) && certificate.verify(one.publicKey));
}

export function factsOf(certificate: X509Certificate): CertificateFacts {
  return {
    subject: subjectOf(certificate.subjectAltName ?? ''),
    serial: plainSerial(certificate.serialNumber),
    notBeforeMs: Date.parse(certificate.validFrom),
    notAfterMs: Date.parse(certificate.validTo),
    fingerprint: fingerprintOf(certificate),
  };
}

export function fingerprintOf({ fingerprint256 }: { readonly fingerprint256: string }): string {
  return fingerprint256.replaceAll(':', '').toLowerCase();
}
