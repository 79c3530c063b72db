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
