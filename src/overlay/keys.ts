/**
 * The node's WireGuard keys: the one in use, and the next one while the node changes to it. Invariant: a private key is in
 * its file, which root alone can read, and nowhere else; each file is whole or not there.
 */
import { createPrivateKey, createPublicKey, generateKeyPairSync } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { writeFileAtomic } from '../base/atomic-file.js';

/** What PKCS #8 puts before the 32 bytes of an X25519 key (RFC 8410). */
const PKCS8_PREFIX = Buffer.from('302e020100300506032b656e04220420', 'hex');
const KEY_BYTES = 32;

export type Keys = Awaited<ReturnType<typeof openKeys>>;

/** @param directory the overlay's own. Afterwards there is a key in it. */
export async function openKeys(directory: string) {
  const file = join(directory, 'private.key');
  const nextFile = join(directory, 'next.key');
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  chmodSync(directory, 0o700);
  if (!existsSync(file)) await make(file);
  let key = publicKeyOf(file);
  let nextKey = existsSync(nextFile) ? publicKeyOf(nextFile) : '';

  return {
    /** Where `wg` reads the private key. */
    file,
    /** The public key. */
    get key(): string {
      return key;
    },
    /** The public key that is next; empty when the node is not about to change it. */
    get nextKey(): string {
      return nextKey;
    },
    /** Afterwards there is a next key; one that there is stays. */
    async prepare(): Promise<void> {
      if (nextKey !== '') return;
      await make(nextFile);
      nextKey = publicKeyOf(nextFile);
    },
    /** Afterwards the next key is the one in use, and there is no next one. */
    change(): void {
      if (nextKey === '') return;
      renameSync(nextFile, file);
      [key, nextKey] = [nextKey, ''];
    },
  };
}

async function make(file: string): Promise<void> {
  const { privateKey } = generateKeyPairSync('x25519');
  const raw = privateKey.export({ type: 'pkcs8', format: 'der' }).subarray(-KEY_BYTES);
  await writeFileAtomic(file, `${raw.toString('base64')}\n`, 0o600);
}

/** As `wg pubkey` gives it. */
function publicKeyOf(file: string): string {
  const raw = Buffer.from(readFileSync(file, 'utf8').trim(), 'base64');
  if (raw.length !== KEY_BYTES) throw new Error(`${file} holds no WireGuard key`);
  const key = createPrivateKey({ key: Buffer.concat([PKCS8_PREFIX, raw]), format: 'der', type: 'pkcs8' });
  return createPublicKey(key).export({ type: 'spki', format: 'der' }).subarray(-KEY_BYTES).toString('base64');
}
