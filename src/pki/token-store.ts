/**
 * The join tokens that are open, a file each. Invariant: the secret itself is kept nowhere; a token is used by removing its
 * file, so of any number who use it at once one does.
 */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { mkdir, readdir, rm, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { readFileIfAny, writeFileAtomic } from '../base/atomic-file.js';
import { hasErrno, refused } from '../base/errors.js';
import type { JoinToken } from './join-token.js';
import { isName } from './subject.js';

const kept = z.strictObject({
  /** SHA-256 of the secret. */
  hash: z.string().regex(/^[0-9a-f]{64}$/),
  expiresMs: z.number().int(),
  /** Whose it is; without, of the first who comes with a new name. */
  node: z.string().refine(isName).optional(),
});

export type KeptToken = z.infer<typeof kept>;

/** Whoever finds one on paper years later must not get in. */
export const TOKEN_TTL_MS_MAX = 7 * 24 * 60 * 60 * 1000;

/** A new token, open from now on. */
export async function openToken(
  directory: string,
  { node, ttlMs }: { node: string | undefined; ttlMs: number },
): Promise<Pick<JoinToken, 'id' | 'secret'>> {
  if (!(ttlMs > 0 && ttlMs <= TOKEN_TTL_MS_MAX)) throw refused('invalid', 'a token is open for up to 7 days');
  if (node !== undefined && !isName(node)) throw refused('invalid', `"${node}" is not a name`);
  const [id, secret] = [randomBytes(8).toString('hex'), randomBytes(32).toString('hex')];
  await mkdir(join(directory, 'tokens'), { recursive: true, mode: 0o700 });
  const token: KeptToken = {
    hash: hashOf(secret).toString('hex'),
    expiresMs: Date.now() + ttlMs,
    ...(node && { node }),
  };
  await writeFileAtomic(fileOf(directory, id), JSON.stringify(token));
  return { id, secret };
}

/** What the token allows. It stays open. @throws `refused` when there is none, it has expired, or the secret is another. */
export async function checkToken(directory: string, id: string, secret: string, nowMs: number): Promise<KeptToken> {
  const text = /^[0-9a-f]{16}$/.test(id) ? await readFileIfAny(fileOf(directory, id)) : undefined;
  const token = text === undefined ? undefined : parse(text);
  // Also without a token: whoever guesses learns nothing from how long it takes.
  const hash = Buffer.from(token?.hash ?? '00'.repeat(32), 'hex');
  const right = timingSafeEqual(hash, hashOf(secret));
  if (token === undefined || !right || nowMs >= token.expiresMs) throw noSuchToken();
  return token;
}

/** Afterwards nobody can use it again. @throws `refused` when somebody else has used it. */
export async function useToken(directory: string, id: string): Promise<void> {
  try {
    await unlink(fileOf(directory, id));
  } catch (error) {
    throw hasErrno(error, 'ENOENT') ? noSuchToken() : error;
  }
}

/** How many are open; what has expired is removed. */
export async function countOpen(directory: string, nowMs: number): Promise<number> {
  const names = await readdir(join(directory, 'tokens')).catch(() => []);
  let open = 0;
  for (const name of names.filter((one) => one.endsWith('.json'))) {
    const file = join(directory, 'tokens', name);
    const token = parse((await readFileIfAny(file)) ?? '');
    if (token !== undefined && nowMs < token.expiresMs) open += 1;
    else await rm(file, { force: true });
  }
  return open;
}

function noSuchToken() {
  return refused('forbidden', 'the token is unknown, used or expired', {
    remedy: 'Ask for a new one: cnvm pki token.',
  });
}

const fileOf = (directory: string, id: string): string => join(directory, 'tokens', `${id}.json`);

const hashOf = (secret: string): Buffer => createHash('sha256').update(secret).digest();

function parse(text: string): KeptToken | undefined {
  try {
    return kept.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}
