/** Revoking: the CA's list in its directory grows. Invariant: its number grows with it, whoever else writes at the time. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readFileIfAny, writeFileAtomic } from '../base/atomic-file.js';
import { refused } from '../base/errors.js';
import { withFileLock } from '../base/file-lock.js';
import { type Crl, crlText, readCrl, signCrl } from './crl.js';
import { listIssued, readAuthority } from './pki-dir.js';
import { lacks, type Revoked, stillValid, union } from './revoked.js';
import { enrolmentOf, plainSerial, type Subject } from './subject.js';

/** The directory's list, if it has one. @throws `refused` when it is spoilt. */
export async function readOwnCrl(directory: string): Promise<Crl | undefined> {
  const text = await readFileIfAny(join(directory, 'ca.crl'));
  return text === undefined ? undefined : await readCrl(text, await readFile(join(directory, 'ca.crt'), 'utf8'));
}

/**
 * Afterwards the directory's list has all of `more`, and its number is above that of both. When it has them already nothing
 * changes.
 * @param atLeast a number that others have seen.
 */
export async function addRevoked(directory: string, more: Revoked, atLeast = 0): Promise<Crl> {
  return await withFileLock(join(directory, 'ca.crl.lock'), async () => {
    const before = await readOwnCrl(directory);
    if (before !== undefined && before.number >= atLeast && !lacks(before.revoked, more)) return before;
    const revoked = stillValid(union(before?.revoked ?? new Map(), more), Date.now());
    const crl = await signCrl(await readAuthority(directory), Math.max(before?.number ?? 0, atLeast) + 1, revoked);
    await writeFileAtomic(join(directory, 'ca.crl'), crlText(crl), 0o644);
    return crl;
  });
}

/**
 * Takes a list that was heard into the directory. Afterwards it has all of that one and all that was its own, which somebody may
 * have written since it was looked at last. @returns the directory's list.
 */
export async function adoptCrl(directory: string, heard: Crl): Promise<Crl> {
  const file = join(directory, 'ca.crl');
  const newer = await withFileLock(`${file}.lock`, async () => {
    const own = await readOwnCrl(directory).catch(() => undefined);
    const kept = stillValid(own?.revoked ?? new Map(), Date.now());
    if (own !== undefined && (heard.number <= own.number || lacks(heard.revoked, kept))) return false;
    await writeFileAtomic(file, crlText(heard), 0o644);
    return true;
  });
  return newer ? heard : await addRevoked(directory, heard.revoked, heard.number);
}

/** Every certificate of that name that is known here and has not expired. @throws `refused` when there is none. */
export async function revokeSubject(
  directory: string,
  { role, name }: Subject,
): Promise<{ crl: Crl; serials: string[] }> {
  const now = Date.now();
  const serials = (await listIssued(directory, now))
    .filter(({ subject, notAfterMs }) => subject?.role === role && subject.name === name && notAfterMs > now)
    .map(({ serial }) => serial);
  if (serials.length === 0)
    throw refused('not-found', `${directory} knows no valid certificate of ${role} ${name}`, {
      remedy:
        'List what it knows: cnvm pki list. One that was issued elsewhere: --serial, which "cnvm pki show" prints there.',
    });
  return { crl: await revokeSerials(directory, serials), serials };
}

/** @throws `refused` when one is no serial number. */
export async function revokeSerials(directory: string, serials: readonly string[]): Promise<Crl> {
  for (const serial of serials)
    if (!/^[0-9a-f]{8,40}$/i.test(serial)) throw refused('invalid', `"${serial}" is no serial number of a certificate`);
  return await addRevoked(directory, new Map(serials.map((serial) => [plainSerial(serial), Date.now()])));
}

/** Whether a certificate, or one that it renews, or one that renews it, is in the list. */
export function isRevoked(revoked: Revoked, serial: string): boolean {
  const enrolment = enrolmentOf(serial);
  for (const one of revoked.keys()) if (enrolmentOf(one) === enrolment) return true;
  return false;
}
