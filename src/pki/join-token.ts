/**
 * What lets a new node in, once: where to ask, the fingerprint of the CA that must be found there, and a secret. Pure.
 * Invariant: whoever holds it can make sure of the mesh before it shows the secret.
 */
import { refused } from '../base/errors.js';

export interface JoinToken {
  /** Public: names the token where it is kept. 16 hexadecimal digits. */
  readonly id: string;
  /** 64 hexadecimal digits. */
  readonly secret: string;
  /** SHA-256 of the CA's certificate, 64 hexadecimal digits. */
  readonly fingerprint: string;
  /** HOST:PORT. */
  readonly address: string;
}

const TOKEN =
  /^cnvm-join-1\.([0-9a-f]{16})\.([0-9a-f]{64})\.([0-9a-f]{64})@((?:\[[0-9a-fA-F:.]+\]|[A-Za-z0-9.-]+):[0-9]{1,5})$/;
/** Of the longest host name, and some. */
const LENGTH_MAX = 512;

export const tokenText = ({ id, secret, fingerprint, address }: JoinToken): string =>
  `cnvm-join-1.${id}.${secret}.${fingerprint}@${address}`;

/** @throws `refused`, without a word of what it was given: it may be most of a secret. */
export function parseToken(text: string): JoinToken {
  const match = text.length > LENGTH_MAX ? null : TOKEN.exec(text.trim());
  if (match === null)
    throw refused('invalid', 'that is no join token', {
      remedy: 'Give the whole line that "cnvm pki token" has printed; it begins with "cnvm-join-1.".',
    });
  const [, id = '', secret = '', fingerprint = '', address = ''] = match;
  return { id, secret, fingerprint, address };
}

export const looksLikeToken = (text: string): boolean => text.includes('cnvm-join-');
