/**
 * The list of what is revoked, as a standard X.509 CRL (RFC 5280). Invariant: what `readCrl` returns was signed by this CA;
 * whoever carried it here.
 */
import 'reflect-metadata';
import * as x509 from '@peculiar/x509';
import { COUNT_MAX } from '../base/count.js';
import { messageOf, refused } from '../base/errors.js';
import { ALGORITHM, importKey, type KeyPair } from './certificates.js';
import type { Revoked } from './revoked.js';
import { plainSerial } from './subject.js';

export interface Crl {
  /** Grows with each list of a CA. */
  readonly number: number;
  readonly revoked: Revoked;
  readonly der: Uint8Array;
}

/** Some 20,000 certificates. */
const CRL_BYTES_MAX = 1024 * 1024;
/** RFC 5280, 5.2.3. */
const NUMBER_OID = '2.5.29.20';
/**
 * What tools of others are told: our own daemons go on with the newest list that they have, for without one that is
 * reachable a mesh would refuse all its nodes.
 */
const NEXT_UPDATE_MS = 398 * 24 * 60 * 60 * 1000;

/** A list, signed. */
export async function signCrl(authority: KeyPair, number: number, revoked: Revoked): Promise<Crl> {
  const issuer = new x509.X509Certificate(authority.certificate);
  const now = Date.now();
  const crl = await x509.X509CrlGenerator.create({
    issuer: issuer.subject,
    thisUpdate: new Date(now),
    nextUpdate: new Date(now + NEXT_UPDATE_MS),
    entries: [...revoked].map(([serialNumber, atMs]) => ({
      serialNumber: evenly(serialNumber),
      revocationDate: new Date(atMs),
    })),
    extensions: [
      await x509.AuthorityKeyIdentifierExtension.create(issuer.publicKey),
      new x509.Extension(NUMBER_OID, false, encodeNumber(number)),
    ],
    signingKey: await importKey(authority.key),
    signingAlgorithm: ALGORITHM,
  });
  return { number, revoked, der: new Uint8Array(crl.rawData) };
}

/** @param bytes DER, or the text of a PEM file. @param ca PEM. @throws `refused` when it is no list of a CA of those. */
export async function readCrl(bytes: Uint8Array | string, ca: string): Promise<Crl> {
  if (bytes.length > 2 * CRL_BYTES_MAX)
    throw refused('invalid', `the list of what is revoked has ${bytes.length} bytes`);
  const crl = parse(bytes);
  const issuers = x509.PemConverter.decode(ca).map((der) => new x509.X509Certificate(der));
  const signed = await Promise.all(
    issuers.map(
      async ({ subject, publicKey }) => crl.issuer === subject && (await crl.verify({ publicKey }).catch(() => false)),
    ),
  );
  if (!signed.includes(true)) throw refused('forbidden', "the list of what is revoked is not signed by this mesh's CA");
  return contentOf(crl);
}

export const crlText = ({ der }: Crl): string =>
  `${x509.PemConverter.encode(Uint8Array.from(der).buffer, 'X509 CRL')}\n`;

function parse(bytes: Uint8Array | string): x509.X509Crl {
  try {
    return new x509.X509Crl(typeof bytes === 'string' ? x509.PemConverter.decodeFirst(bytes) : Uint8Array.from(bytes));
  } catch (error) {
    throw refused('invalid', `that is no list of what is revoked: ${messageOf(error)}`, { cause: error });
  }
}

function contentOf(crl: x509.X509Crl): Crl {
  try {
    const value = crl.getExtension(NUMBER_OID)?.value;
    const number = value === undefined ? 0 : decodeNumber(new Uint8Array(value));
    const revoked = new Map(
      crl.entries.map(({ serialNumber, revocationDate }) => [plainSerial(serialNumber), revocationDate.getTime()]),
    );
    return { number, revoked, der: new Uint8Array(crl.rawData) };
  } catch (error) {
    throw refused('invalid', `the list of what is revoked cannot be read: ${messageOf(error)}`, { cause: error });
  }
}

/** Whole bytes. */
const evenly = (serial: string): string => (serial.length % 2 === 0 ? serial : `0${serial}`);

/** A DER INTEGER. */
function encodeNumber(number: number): Uint8Array {
  const hex = number.toString(16);
  const bytes = Buffer.from(`00${hex.length % 2 === 0 ? hex : `0${hex}`}`, 'hex');
  const body = ((bytes[1] ?? 0) & 0x80) === 0 ? bytes.subarray(1) : bytes;
  return Uint8Array.from([2, body.length, ...body]);
}

function decodeNumber(der: Uint8Array): number {
  const [tag, length = 0, ...body] = der;
  const number = body.reduce((sum, byte) => sum * 256 + byte, 0);
  if (tag !== 2 || length !== body.length || ((body[0] ?? 0) & 0x80) !== 0 || number > COUNT_MAX)
    throw refused('invalid', 'its number is none');
  return number;
}
