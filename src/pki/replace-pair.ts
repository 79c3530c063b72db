/**
 * A certificate and its key, replaced while somebody may read them, and while this machine may lose its power. Invariant:
 * at every moment the two fit, or the certificate's key lies beside the other one and `settlePair` puts it in place.
 */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { existsSync, readFileSync, renameSync } from 'node:fs';
import { writeFileAtomic } from '../base/atomic-file.js';
import { hasErrno } from '../base/errors.js';
import { withFileLock } from '../base/file-lock.js';
import type { KeyPair } from './certificates.js';
import type { TlsFiles } from './identity.js';

type PairFiles = Pick<TlsFiles, 'cert' | 'key'>;

const nextOf = (key: string): string => `${key}.next`;

/** Afterwards the files hold the pair; of two who replace them at once, that of the one who comes second. */
export async function replacePair({ cert, key }: PairFiles, pair: KeyPair): Promise<void> {
  await withFileLock(`${key}.lock`, async () => {
    await writeFileAtomic(nextOf(key), `${pair.key.trim()}\n`);
    await writeFileAtomic(cert, `${pair.certificate.trim()}\n`, 0o644);
    // A daemon that looks at the files may have done it.
    settlePair({ cert, key });
  });
}

/** Ends what was interrupted between the two. What else may be wrong is said by who reads the files. */
export function settlePair({ cert, key }: PairFiles): void {
  const next = nextOf(key);
  if (!existsSync(next) || !existsSync(cert) || !fits(cert, next)) return;
  try {
    renameSync(next, key);
  } catch (error) {
    // Somebody else has ended it at the same time.
    if (!hasErrno(error, 'ENOENT')) throw error;
  }
}

function fits(cert: string, key: string): boolean {
  try {
    return new X509Certificate(readFileSync(cert)).checkPrivateKey(createPrivateKey(readFileSync(key)));
  } catch {
    return false;
  }
}
