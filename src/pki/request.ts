/**
 * Certificate requests (PKCS #10): a key that stays where it was made asks for a certificate. Invariant: of a request only
 * the key is taken, and only when who sent it has shown to hold its other half; what else it asks for is not even looked at.
 */
import 'reflect-metadata';
import * as x509 from '@peculiar/x509';
import { messageOf, refused } from '../base/errors.js';
import { ALGORITHM, exportKey, makeKeys } from './certificates.js';

/** Ours have 200. */
const REQUEST_BYTES_MAX = 8 * 1024;

export interface CertificateRequest {
  /** DER. */
  readonly request: Uint8Array;
  /** PEM, PKCS #8. */
  readonly key: string;
}

/** A new key, and a request for it. */
export async function makeRequest(): Promise<CertificateRequest> {
  const keys = await makeKeys();
  const request = await x509.Pkcs10CertificateRequestGenerator.create({ keys, signingAlgorithm: ALGORITHM });
  return { request: new Uint8Array(request.rawData), key: await exportKey(keys.privateKey) };
}

/** The key that a request is for. @throws `refused` when it is no request, is not signed by that key, or the key is no P-256. */
export async function readRequest(der: Uint8Array): Promise<x509.PublicKey> {
  if (der.length > REQUEST_BYTES_MAX) throw refused('invalid', `the certificate request has ${der.length} bytes`);
  const request = parse(der);
  const { name, namedCurve } = request.publicKey.algorithm as { name?: string; namedCurve?: string };
  if (name !== ALGORITHM.name || namedCurve !== ALGORITHM.namedCurve)
    throw refused('invalid', 'the certificate request has a key that is not ECDSA on P-256');
  if (!(await request.verify().catch(() => false)))
    throw refused('invalid', 'the certificate request is not signed with its own key');
  return request.publicKey;
}

function parse(der: Uint8Array): x509.Pkcs10CertificateRequest {
  try {
    // A copy: the library keeps what lies around a view.
    const request = new x509.Pkcs10CertificateRequest(Uint8Array.from(der));
    // It is read only when it is asked for.
    void request.publicKey.algorithm;
    return request;
  } catch (error) {
    throw refused('invalid', `that is no certificate request: ${messageOf(error)}`, { cause: error });
  }
}
