/** The files that say who this node is, read and judged as a whole. Invariant: what is returned fits together. */
import { createPrivateKey, type KeyObject } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { messageOf, refused } from '../base/errors.js';
import {
  type CertificateFacts,
  factsOf,
  fingerprintOf,
  issuerOf,
  parseAuthorities,
  parseCertificate,
} from './facts.js';
import type { Subject } from './subject.js';

export interface TlsFiles {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

export interface Identity extends CertificateFacts {
  readonly subject: Subject;
  /** PEM; of two while one takes the place of the other. */
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
  /** Of the CA that has signed the certificate, as in a join token. */
  readonly caFingerprint: string;
  /** Of all that are believed in, likewise. */
  readonly believed: readonly string[];
  /** Another CA is to take the place of that one. */
  readonly caLeaves: boolean;
}

/**
 * @param node whose it must be; undefined: any node's.
 * @throws `refused` with every reason why they cannot be used. Whether the certificate has expired is not asked.
 */
export function readIdentity(files: TlsFiles, node: string | undefined): Identity {
  const reasons = openToOthers(files.key);
  const [ca, cert, key] = [read(files.ca), read(files.cert), read(files.key)];
  const [authorities, certificate] = [parseAuthorities(ca, files.ca), parseCertificate(cert, files.cert)];
  const issuer = issuerOf(certificate, authorities);
  const facts = factsOf(certificate);
  if (issuer === undefined) reasons.push(`${files.cert} is not signed by ${files.ca}`);
  if (!certificate.checkPrivateKey(privateKey(key, files.key)))
    reasons.push(`${files.key} is not the key of ${files.cert}`);
  if (facts.subject?.role !== 'node' || facts.subject.name !== (node ?? facts.subject.name)) {
    const whose = facts.subject === undefined ? 'nobody' : `${facts.subject.role} ${facts.subject.name}`;
    reasons.push(`${files.cert} is the certificate of ${whose}, not of node ${node ?? ''}`);
  }
  if (reasons.length > 0 || facts.subject === undefined || issuer === undefined)
    throw refused('invalid', reasons.join('; '), {
      reasons,
      remedy: 'Put CA, certificate and key of this node there.',
    });
  return {
    ...facts,
    subject: facts.subject,
    ca,
    cert,
    key,
    caFingerprint: fingerprintOf(issuer),
    believed: authorities.map(fingerprintOf),
    caLeaves: issuer !== authorities[0],
  };
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw refused('invalid', `cannot read ${file}: ${messageOf(error)}`, { cause: error });
  }
}

/** As ssh does: what others could have read is no secret. */
function openToOthers(file: string): string[] {
  const bits = statSync(file, { throwIfNoEntry: false })?.mode ?? 0;
  return (bits & 0o077) === 0 ? [] : [`${file} can be read by others than its owner: chmod 600 ${file}`];
}

function privateKey(pem: string, file: string): KeyObject {
  try {
    return createPrivateKey(pem);
  } catch {
    // Not its words: they could quote the file.
    throw refused('invalid', `${file} is no private key`);
  }
}
