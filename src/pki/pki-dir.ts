/**
 * A mesh's certificates as files: `ca.crt`, `ca.key`, `nodes/NAME.{crt,key}`, `operators/NAME.{crt,key}`. Invariant: a key
 * is readable by its owner alone from the moment it exists, and nothing is overwritten unless asked for.
 */
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { hasErrno, refused } from '../base/errors.js';
import { type CertificateRole, issue, type KeyPair, makeAuthority } from './certificates.js';

export interface PkiOptions {
  /** Overwrite what is there. */
  readonly force: boolean;
}

/** Also a file name, so nothing else may be in it. */
const NAME = /^[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?$/;

/** Makes the CA. @returns the files written. @throws `refused` when there is one. */
export async function initPki(directory: string, options: PkiOptions): Promise<string[]> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  return await writePair(join(directory, 'ca'), await makeAuthority(), options);
}

/** Makes a node's certificate. @returns the files written. @throws `refused` when it is there, or there is no CA. */
export async function issueNode(directory: string, name: string, options: PkiOptions): Promise<string[]> {
  return await issueFor(directory, 'node', name, options);
}

/** Makes an operator's certificate; otherwise like `issueNode`. */
export async function issueOperator(directory: string, name: string, options: PkiOptions): Promise<string[]> {
  return await issueFor(directory, 'operator', name, options);
}

async function issueFor(
  directory: string,
  role: CertificateRole,
  name: string,
  options: PkiOptions,
): Promise<string[]> {
  if (!NAME.test(name))
    throw refused('invalid', `"${name}" is not a name: lower-case letters, digits, hyphens and dots`);
  const pair = await issue(await readAuthority(directory), role, name);
  return await writePair(join(directory, `${role}s`, name), pair, options);
}

async function readAuthority(directory: string): Promise<KeyPair> {
  try {
    const certificate = await readFile(join(directory, 'ca.crt'), 'utf8');
    return { certificate, key: await readFile(join(directory, 'ca.key'), 'utf8') };
  } catch (error) {
    if (!hasErrno(error, 'ENOENT')) throw error;
    throw refused('not-found', `${directory} holds no CA`, { remedy: `Make one: cnvm pki init --dir ${directory}` });
  }
}

async function writePair(base: string, pair: KeyPair, { force }: PkiOptions): Promise<string[]> {
  const files = [`${base}.key`, `${base}.crt`] as const;
  await mkdir(dirname(base), { recursive: true, mode: 0o700 });
  if (force) await Promise.all(files.map((file) => rm(file, { force: true })));
  try {
    await writeFile(files[0], `${pair.key}\n`, { flag: 'wx', mode: 0o600 });
    await writeFile(files[1], `${pair.certificate}\n`, { flag: 'wx', mode: 0o644 });
  } catch (error) {
    if (!hasErrno(error, 'EEXIST')) throw error;
    throw refused('exists', `${base}.key or .crt exists`, { remedy: 'Give --force to replace it.' });
  }
  return [...files];
}
