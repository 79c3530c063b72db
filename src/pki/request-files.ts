/**
 * A node's key and its request as files, for a CA that no network leads to: the request goes there, the certificate comes
 * back. Invariant: the key never leaves the node's directory, and what the CA signs says nothing that the request says.
 */
import { createPublicKey } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as x509 from '@peculiar/x509';
import { readFileIfAny, writeFileAtomic } from '../base/atomic-file.js';
import { messageOf, refused } from '../base/errors.js';
import { sign, type Wish } from './certificates.js';
import { demandLifetime, demandName, keepIssued, readAuthority } from './pki-dir.js';
import { makeRequest, readRequest } from './request.js';

const LABEL = 'CERTIFICATE REQUEST';
/** PEM of the largest request that is read, and some. */
const REQUEST_TEXT_MAX = 16 * 1024;

/**
 * Makes a key and a request for it. A key that waits for its certificate is used again, so that whoever asks twice can take
 * either answer. @returns the request's file.
 */
export async function requestFor(directory: string): Promise<{ readonly request: string; readonly key: string }> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  // Where the daemon finishes what a power cut interrupts: it takes this key once its certificate is there.
  const files = { key: join(directory, 'node.key.next'), request: join(directory, 'node.csr') };
  const [key, text] = await Promise.all([readFileIfAny(files.key), readFileIfAny(files.request)]);
  if (key !== undefined && text !== undefined && (await isFor(text, key))) return files;
  const made = await makeRequest();
  await writeFileAtomic(files.key, `${made.key.trim()}\n`);
  await writeFileAtomic(files.request, `${x509.PemConverter.encode(made.request, LABEL)}\n`, 0o644);
  return files;
}

/** Whether the request is for that key. An earlier key may have left it, or the power gone between the two. */
async function isFor(request: string, key: string): Promise<boolean> {
  try {
    const wanted = createPublicKey(key).export({ type: 'spki', format: 'der' });
    return wanted.equals(new Uint8Array((await readRequest(fromPem(request))).rawData));
  } catch {
    return false;
  }
}

/** A certificate for the key of a request. @param text PEM. @throws `refused` when it is none, or there is no CA. */
export async function signRequest(directory: string, text: string, wish: Wish): Promise<string> {
  demandName(wish.name);
  demandLifetime(wish.lifetimeMs);
  if (text.length > REQUEST_TEXT_MAX) throw refused('invalid', `the certificate request has ${text.length} letters`);
  const key = await readRequest(fromPem(text));
  const certificate = await sign(await readAuthority(directory), key, wish);
  await keepIssued(directory, certificate);
  return certificate.trim();
}

/** @throws `refused` when the file cannot be read. */
export async function readRequestText(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    throw refused('not-found', `cannot read the request: ${messageOf(error)}`, {
      remedy: 'Make it on the node: cnvm pki request --dir /etc/cnvm/pki',
      cause: error,
    });
  }
}

function fromPem(text: string): Uint8Array {
  const [first] = x509.PemConverter.decodeWithHeaders(text);
  if (first?.type !== LABEL) throw refused('invalid', `that is no PEM of a ${LABEL.toLowerCase()}`);
  return new Uint8Array(first.rawData);
}
