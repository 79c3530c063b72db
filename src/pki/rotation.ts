/**
 * Who this node is, now. Invariant: a new pair is taken when it is whole, fits together and is valid today, all at once; until
 * then the one before it serves, and the log says why.
 */
import type { Logger } from 'pino';
import { messageOf, refused } from '../base/errors.js';
import { type Identity, readIdentity, type TlsFiles } from './identity.js';
import { settlePair } from './replace-pair.js';
import { watchFiles } from './watch-files.js';

export interface Rotation {
  current(): Identity;
  /** Looks at the files. @returns whether another identity is in use afterwards. */
  reload(): boolean;
  /** Called after another one has been taken. */
  onChange(listener: () => void): void;
  close(): void;
}

/** Whoever writes certificate and key writes one first: only what is still wrong by then is worth a word. */
const HALF_DONE_MS = 1_000;

/** @throws `refused` when what is there does not fit together. An expired one is taken: only it can say so. */
export function openRotation(files: TlsFiles, node: string, log: Logger): Rotation {
  settlePair(files);
  let identity = readIdentity(files, node);
  const listeners: (() => void)[] = [];
  let complaint: NodeJS.Timeout | undefined;
  if (identity.notAfterMs <= Date.now())
    log.error(
      { cert: files.cert, until: dateText(identity.notAfterMs) },
      "this node's certificate has expired: no peer lets it in; renew it",
    );

  function take(): boolean {
    // The key that a certificate was asked for may have waited for it.
    settlePair(files);
    const next = readIdentity(files, node);
    if (next.fingerprint === identity.fingerprint && next.ca === identity.ca) return false;
    const now = Date.now();
    if (next.notAfterMs <= now) throw refused('invalid', `${files.cert} has expired`);
    if (next.notBeforeMs > now) throw refused('invalid', `${files.cert} is not valid yet`);
    identity = next;
    log.info({ serial: next.serial, until: dateText(next.notAfterMs) }, 'a new certificate is in use');
    for (const listener of listeners) listener();
    return true;
  }

  function reload(last = false): boolean {
    clearTimeout(complaint);
    try {
      return take();
    } catch (error) {
      if (!last) complaint = setTimeout(() => void reload(true), HALF_DONE_MS);
      else
        log.error(
          { error: messageOf(error), until: dateText(identity.notAfterMs) },
          'the new certificate is not taken; the old one goes on',
        );
      return false;
    }
  }

  const stopWatching = watchFiles([files.ca, files.cert, files.key], () => void reload());
  return {
    current: () => identity,
    reload: () => reload(),
    onChange: (listener) => void listeners.push(listener),
    close() {
      stopWatching();
      clearTimeout(complaint);
    },
  };
}

const dateText = (ms: number): string => new Date(ms).toISOString();
