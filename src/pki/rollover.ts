/**
 * A new CA in the place of the one that is there, while the mesh runs. Invariant: at each step `ca.key` is the key of a CA in
 * `ca.crt`, also after a power cut; and who has the `ca.crt` of one step understands all who have that of the step before or after.
 * One step at a time: of two operators at once the second one sees what the first has done.
 *
 * 1. `beginRollover`: the new CA is made and believed; the old one signs.
 * 2. `switchRollover`: the new one signs; the old one is still believed.
 * 3. `finishRollover`: the old one is believed no more.
 */
import { existsSync } from 'node:fs';
import { readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { readFileIfAny, syncDirectory, writeFileAtomic } from '../base/atomic-file.js';
import { refused } from '../base/errors.js';
import { withFileLock } from '../base/file-lock.js';
import { type KeyPair, makeAuthority } from './certificates.js';
import { crlText, signCrl } from './crl.js';
import { fingerprintOf, issuerOf, parseAuthorities, parseCertificate } from './facts.js';
import { listIssuedWith, readAuthority } from './pki-dir.js';
import { isRevoked, readOwnCrl } from './revoke.js';

const filesOf = (directory: string) => ({
  bundle: join(directory, 'ca.crt'),
  key: join(directory, 'ca.key'),
  nextKey: join(directory, 'ca-next.key'),
  crl: join(directory, 'ca.crl'),
  lock: join(directory, 'ca.crl.lock'),
});

/** Afterwards a second CA is believed that signs nothing yet. @returns the file that every node needs now. */
export async function beginRollover(directory: string): Promise<string> {
  const files = filesOf(directory);
  return await withFileLock(files.lock, async () => {
    const current = await readAuthority(directory);
    if ((await readAll(files.bundle)).length > 1)
      throw refused('state', `${files.bundle} has two CAs already`, { remedy: 'Go on with: cnvm pki rollover switch' });
    const next = await makeAuthority();
    // The key first: a CA that is believed and has no key anywhere could not be gone on with.
    await writeFileAtomic(files.nextKey, `${next.key.trim()}\n`);
    await writeBundle(files.bundle, [current, next]);
    return files.bundle;
  });
}

/**
 * Afterwards the new CA signs, the list of what is revoked too. When it was interrupted it can be done again.
 * @returns the file that every node needs now.
 */
export async function switchRollover(directory: string): Promise<string> {
  const files = filesOf(directory);
  return await withFileLock(files.lock, async () => {
    const all = await readAll(files.bundle);
    const key = (await readFileIfAny(files.nextKey)) ?? (await readFile(files.key, 'utf8'));
    if (all.length < 2)
      throw refused('state', `${files.bundle} has one CA alone`, { remedy: 'First: cnvm pki rollover begin' });
    const crl = await readOwnCrl(directory);
    if (existsSync(files.nextKey)) {
      await rename(files.nextKey, files.key);
      await syncDirectory(directory);
    }
    const { certificate } = await readAuthority(directory);
    if (crl !== undefined)
      await writeFileAtomic(
        files.crl,
        crlText(await signCrl({ certificate, key }, crl.number + 1, crl.revoked)),
        0o644,
      );
    const fingerprint = fingerprintOf(parseCertificate(certificate, files.bundle));
    const others = all
      .filter((one) => fingerprintOf(one) !== fingerprint)
      .map((one) => ({ certificate: one.toString() }));
    await writeBundle(files.bundle, [{ certificate }, ...others]);
    return files.bundle;
  });
}

/**
 * Afterwards the old CA is believed no more. @returns the file that every node needs now.
 * @throws `refused` while it has signed a certificate that is still good, but with `force`.
 */
export async function finishRollover(directory: string, { force }: { readonly force: boolean }): Promise<string> {
  const files = filesOf(directory);
  return await withFileLock(files.lock, async () => {
    const authority = await readAuthority(directory);
    if (existsSync(files.nextKey))
      throw refused('state', 'the old CA still signs', { remedy: 'First: cnvm pki rollover switch' });
    if ((await readAll(files.bundle)).length < 2) throw refused('state', `${files.bundle} has one CA alone`);
    const left = force ? [] : await namesOfOld(directory, authority);
    if (left.length > 0)
      throw refused('state', `the old CA is still needed by ${left.join(', ')}`, {
        remedy: 'Renew them first (nodes do it by themselves where a node holds the CA), or give --force.',
      });
    await writeBundle(files.bundle, [authority]);
    return files.bundle;
  });
}

/** "node node1" and so on: who has a good certificate, and none by the new CA. */
async function namesOfOld(directory: string, authority: KeyPair): Promise<string[]> {
  const issuer = parseCertificate(authority.certificate, 'ca.crt');
  const now = Date.now();
  const revoked = (await readOwnCrl(directory))?.revoked ?? new Map<string, number>();
  const renewed = new Map<string, boolean>();
  for (const { certificate, facts } of await listIssuedWith(directory, now)) {
    const { subject, notAfterMs, serial } = facts;
    const name = `${subject?.role ?? 'nobody'} ${subject?.name ?? ''}`;
    if (subject?.role === 'authority' || notAfterMs <= now || isRevoked(revoked, serial)) continue;
    renewed.set(name, renewed.get(name) === true || issuerOf(certificate, [issuer]) !== undefined);
  }
  return [...renewed].flatMap(([name, done]) => (done ? [] : [name])).sort();
}

const readAll = async (file: string) => parseAuthorities(await readFile(file, 'utf8'), file);

async function writeBundle(file: string, authorities: readonly Pick<KeyPair, 'certificate'>[]): Promise<void> {
  const text = authorities.map(({ certificate }) => `${certificate.trim()}\n`).join('');
  await writeFileAtomic(file, text, 0o644);
}
