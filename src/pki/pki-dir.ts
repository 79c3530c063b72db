/**
 * A mesh's certificates as files: `ca.{crt,key,crl}`, `nodes/NAME.{crt,key}`, `operators/…`, `readers/…`, and in `issued/` a
 * copy of every certificate, by its serial number. Invariant: a key is readable by its owner alone from the moment it
 * exists, the directory is closed to others, and nothing is overwritten unless asked for.
 */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { existsSync } from 'node:fs';
import { chmod, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { readFileIfAny, writeFileAtomic } from '../base/atomic-file.js';
import { hasErrno, refused } from '../base/errors.js';
import { issue, type KeyPair, makeAuthority, type Wish } from './certificates.js';
import { type CertificateFacts, factsOf, parseAuthorities, parseCertificate } from './facts.js';
import { LIFETIME_MS_MAX } from './lifetimes.js';
import { replacePair } from './replace-pair.js';
import { type CertificateRole, isName, type Subject } from './subject.js';

export interface PkiOptions {
  /** Overwrite what is there. */
  readonly force: boolean;
  readonly lifetimeMs?: number | undefined;
}

/** Who gets files here. */
export type IssuedRole = Exclude<CertificateRole, 'authority'>;

/** Makes the CA. @returns the files written. @throws `refused` when there is one. */
export async function initPki(directory: string, options: PkiOptions): Promise<string[]> {
  const base = join(directory, 'ca');
  demandFree(base, options);
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const files = await writePair(base, await makeAuthority(), options);
  // It may have been there, open to all.
  await chmod(directory, 0o700);
  return files;
}

/** Makes a certificate. @returns the files written. @throws `refused` when it is there, or there is no CA. */
export async function issueTo(
  directory: string,
  role: IssuedRole,
  name: string,
  options: PkiOptions,
): Promise<string[]> {
  demandName(name);
  const base = baseOf(directory, { role, name });
  demandFree(base, options);
  return await writePair(base, await issueFrom(directory, { role, name, lifetimeMs: options.lifetimeMs }), options);
}

/** Makes a node's certificate; otherwise like `issueTo`. */
export async function issueNode(directory: string, name: string, options: PkiOptions): Promise<string[]> {
  return await issueTo(directory, 'node', name, options);
}

/** A new certificate with a new key in the place of one that is there. @throws `refused` when there is none. */
export async function renewFor(
  directory: string,
  role: IssuedRole,
  name: string,
  lifetimeMs?: number,
): Promise<string[]> {
  const base = baseOf(directory, { role, name });
  const before = await readFileIfAny(`${base}.crt`);
  if (before === undefined)
    throw refused('not-found', `there is no ${base}.crt to renew`, {
      remedy: `Issue it first: cnvm pki issue ${role} ${name} --dir ${directory}`,
    });
  const { serial } = factsOf(parseCertificate(before, `${base}.crt`));
  const files = { key: `${base}.key`, cert: `${base}.crt` };
  await replacePair(files, await issueFrom(directory, { role, name, lifetimeMs, renews: serial }));
  return [files.key, files.cert];
}

async function issueFrom(directory: string, wish: Wish): Promise<KeyPair> {
  demandName(wish.name);
  demandLifetime(wish.lifetimeMs);
  const pair = await issue(await readAuthority(directory), wish);
  await keepIssued(directory, pair.certificate);
  return pair;
}

export function demandName(name: string): void {
  if (!isName(name)) throw refused('invalid', `"${name}" is not a name: lower-case letters, digits, hyphens and dots`);
}

export function demandLifetime(lifetimeMs: number | undefined): void {
  if (lifetimeMs === undefined || (lifetimeMs > 0 && lifetimeMs <= LIFETIME_MS_MAX)) return;
  throw refused('invalid', `a certificate lives for up to ${LIFETIME_MS_MAX / 86_400_000} days`);
}

/** Keeps a copy of a certificate, so that it can be revoked by the name in it. */
export async function keepIssued(directory: string, certificate: string): Promise<void> {
  const { serial } = factsOf(parseCertificate(certificate, 'what was issued'));
  await mkdir(join(directory, 'issued'), { recursive: true, mode: 0o700 });
  await writeFileAtomic(join(directory, 'issued', `${serial}.crt`), `${certificate.trim()}\n`);
}

/** The same for one that was made elsewhere, if there is no copy yet. @param der as it was shown; our CA has signed it. */
export async function keepSeen(directory: string, der: Uint8Array): Promise<void> {
  const certificate = new X509Certificate(der);
  if (existsSync(join(directory, 'issued', `${factsOf(certificate).serial}.crt`))) return;
  await keepIssued(directory, certificate.toString());
}

/** What every certificate says that is known here, newest first. What has expired for long is forgotten. */
export async function listIssued(directory: string, nowMs: number): Promise<CertificateFacts[]> {
  return (await listIssuedWith(directory, nowMs)).map(({ facts }) => facts);
}

export interface Issued {
  readonly certificate: X509Certificate;
  readonly facts: CertificateFacts;
}

/** The same, with the certificates. */
export async function listIssuedWith(directory: string, nowMs: number): Promise<Issued[]> {
  const issued = join(directory, 'issued');
  const names = await readdir(issued).catch((error: unknown) => {
    if (hasErrno(error, 'ENOENT')) return [];
    throw error;
  });
  const found: Issued[] = [];
  for (const name of names.filter((one) => one.endsWith('.crt'))) {
    const certificate = parseCertificate(await readFile(join(issued, name), 'utf8'), join(issued, name));
    const facts = factsOf(certificate);
    if (facts.notAfterMs + FORGET_MS < nowMs) await rm(join(issued, name), { force: true });
    else found.push({ certificate, facts });
  }
  return found.sort((one, other) => other.facts.notBeforeMs - one.facts.notBeforeMs);
}
/** Whoever wonders why a node is out finds its expired certificate listed. */
const FORGET_MS = 30 * 24 * 60 * 60 * 1000;

/** The CA whose key is here. @throws `refused` when there is none. */
export async function readAuthority(directory: string): Promise<KeyPair> {
  try {
    const file = join(directory, 'ca.crt');
    const certificates = parseAuthorities(await readFile(file, 'utf8'), file);
    const key = await readFile(join(directory, 'ca.key'), 'utf8');
    const own = certificates.find((one) => one.checkPrivateKey(createPrivateKey(key)));
    if (own === undefined) throw refused('invalid', `${directory}/ca.key is not the key of a CA in ${file}`);
    return { certificate: own.toString(), key };
  } catch (error) {
    if (!hasErrno(error, 'ENOENT')) throw error;
    throw refused('not-found', `${directory} holds no CA`, {
      remedy: `Go where the CA's key is kept and name it with --dir, or make one: cnvm pki init --dir ${directory}`,
    });
  }
}

function baseOf(directory: string, { role, name }: Subject): string {
  return join(directory, `${role}s`, name);
}

const pairOf = (base: string) => [`${base}.key`, `${base}.crt`] as const;

/** Before anything is made: half of a pair beside half of another one would be neither. */
function demandFree(base: string, { force }: PkiOptions): void {
  if (!force && pairOf(base).some((file) => existsSync(file))) throw there(base);
}

const there = (base: string) =>
  refused('exists', `${base}.key or .crt exists`, { remedy: 'Give --force to replace it.' });

async function writePair(base: string, pair: KeyPair, { force }: PkiOptions): Promise<string[]> {
  const files = pairOf(base);
  await mkdir(dirname(base), { recursive: true, mode: 0o700 });
  if (force) await Promise.all(files.map((file) => rm(file, { force: true })));
  try {
    await writeFile(files[0], `${pair.key}\n`, { flag: 'wx', mode: 0o600 });
    await writeFile(files[1], `${pair.certificate}\n`, { flag: 'wx', mode: 0o644 });
  } catch (error) {
    throw hasErrno(error, 'EEXIST') ? there(base) : error;
  }
  return [...files];
}
