/**
 * What a node that holds the CA's key does for others: lets a new node in, and renews one that is in. Invariant: role and
 * name come from the token or from the certificate that the caller has shown, never from what it asks for.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { refused } from '../base/errors.js';
import { createOneByOne } from '../base/one-by-one.js';
import { sign } from './certificates.js';
import { demandName, keepIssued, listIssued, readAuthority } from './pki-dir.js';
import { readRequest } from './request.js';
import { isRevoked, readOwnCrl } from './revoke.js';
import { isName } from './subject.js';
import { checkToken, useToken } from './token-store.js';

export interface JoinWish {
  readonly id: string;
  readonly secret: string;
  readonly name: string;
  /** DER. */
  readonly request: Uint8Array;
}

/** PEM. */
export interface Admission {
  readonly certificate: string;
  /** All that the mesh believes in: two while one takes the place of the other. */
  readonly ca: string;
}

/** Of two who come at once the second is to find the name of the first taken. */
const oneByOne = createOneByOne();

/** @throws `refused`; what is wrong with the wish itself does not use the token up. */
export async function admit(directory: string, wish: JoinWish): Promise<Admission> {
  return await oneByOne(directory, () => admitNext(directory, wish));
}

async function admitNext(directory: string, { id, secret, name, request }: JoinWish): Promise<Admission> {
  const token = await checkToken(directory, id, secret, Date.now());
  demandName(name);
  if (token.node !== undefined && token.node !== name)
    throw refused('forbidden', `the token is for the node ${token.node}, not for ${name}`);
  const key = await readRequest(request);
  if (token.node === undefined) await demandNew(directory, name);
  const authority = await readAuthority(directory);
  await useToken(directory, id);
  const certificate = await sign(authority, key, { role: 'node', name });
  await keepIssued(directory, certificate);
  return { certificate, ca: await readFile(join(directory, 'ca.crt'), 'utf8') };
}

/** A node's next certificate. @param holder whose certificate the caller has shown, and its serial number. */
export async function renewNode(
  directory: string,
  holder: { readonly name: string; readonly serial: string },
  request: Uint8Array,
): Promise<string> {
  if (!isName(holder.name)) throw refused('forbidden', 'the certificate names no node');
  const crl = await readOwnCrl(directory);
  if (crl !== undefined && isRevoked(crl.revoked, holder.serial))
    throw refused('forbidden', `the certificate of ${holder.name} is revoked`);
  const key = await readRequest(request);
  const certificate = await sign(await readAuthority(directory), key, {
    role: 'node',
    name: holder.name,
    renews: holder.serial,
  });
  await keepIssued(directory, certificate);
  return certificate;
}

/** A token without a name is not for taking the name of another node. */
async function demandNew(directory: string, name: string): Promise<void> {
  const now = Date.now();
  const crl = await readOwnCrl(directory);
  const taken = (await listIssued(directory, now)).some(
    ({ subject, notAfterMs, serial }) =>
      subject?.role === 'node' &&
      subject.name === name &&
      notAfterMs > now &&
      !isRevoked(crl?.revoked ?? new Map(), serial),
  );
  if (!taken) return;
  throw refused('exists', `there is a node ${name} already`, {
    remedy: `Take another name, or revoke it first: cnvm pki revoke node ${name}; or ask for a token with --node ${name}.`,
  });
}
