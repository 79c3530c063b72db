/**
 * What this node knows to be revoked. Invariant: only what its CA has signed is believed; of two lists the one with the higher
 * number is kept, on disk too; and what was once heard to be revoked is let in no more by this daemon.
 */
import { resolve } from 'node:path';
import type { Logger } from 'pino';
import { readFileIfAny, writeFileAtomic } from '../base/atomic-file.js';
import { messageOf } from '../base/errors.js';
import { type Crl, crlText, readCrl } from './crl.js';
import { addRevoked, adoptCrl } from './revoke.js';
import { lacks, type Revoked, stillValid, union } from './revoked.js';
import { enrolmentOf } from './subject.js';
import { watchFiles } from './watch-files.js';

export interface RevocationsOptions {
  /** Where the list is kept; whoever puts a newer one there is heard. */
  readonly file: string;
  /** PEM. */
  readonly ca: () => string;
  /** The CA's directory, where this node holds its key: then two lists that were made apart become one. */
  readonly authority: string | undefined;
  readonly log: Logger;
}

/** Afterwards what lies on disk is known. */
export async function openRevocations({ file, ca, authority, log }: RevocationsOptions) {
  /** Whose commands write it, too. */
  const shared = authority !== undefined && resolve(file) === resolve(authority, 'ca.crl') ? authority : undefined;
  let crl: Crl | undefined;
  let everything: Revoked = new Map();
  let enrolments = new Set<string>();
  const listeners: (() => void)[] = [];
  let line: Promise<unknown> = Promise.resolve();

  async function write(next: Crl): Promise<Crl> {
    if (shared !== undefined) return await adoptCrl(shared, next);
    await writeFileAtomic(file, crlText(next), 0o644);
    return next;
  }

  /** At once, and then whatever else the disk has. */
  async function keep(heard: Crl): Promise<void> {
    know(heard);
    const next = await write(heard);
    if (next !== heard) know(next);
    log.info({ number: next.number, revoked: next.revoked.size }, 'a new list of what is revoked is in use');
    for (const listener of listeners) listener();
  }

  function know(next: Crl): void {
    crl = next;
    everything = union(everything, next.revoked);
    enrolments = new Set([...everything.keys()].map(enrolmentOf));
  }

  async function judge(heard: Crl): Promise<void> {
    const number = crl?.number ?? 0;
    // Two who hold the CA have each made a list: both are right.
    const apart =
      (heard.number <= number && lacks(everything, heard.revoked)) ||
      (heard.number > number && crl !== undefined && lacks(heard.revoked, crl.revoked));
    if (apart && authority !== undefined) {
      const both = union(crl?.revoked ?? new Map(), heard.revoked);
      await keep(await addRevoked(authority, both, Math.max(number, heard.number)));
    } else if (heard.number > number) await keep(heard);
  }

  async function hear(bytes: Uint8Array | string): Promise<void> {
    const read = await readCrl(bytes, ca());
    const heard = { ...read, revoked: stillValid(read.revoked, Date.now()) };
    const judged = line.then(() => judge(heard));
    line = judged.catch(() => undefined);
    await judged;
  }

  async function hearFile(): Promise<void> {
    try {
      const text = await readFileIfAny(file);
      if (text !== undefined) await hear(text);
      // Whoever put an older one there, or none, meant no harm; after a new start it would be all that is known.
      if (crl !== undefined && text !== crlText(crl)) await write(crl);
    } catch (error) {
      log.error({ file, error: messageOf(error) }, 'the list of what is revoked is not taken; the one before goes on');
    }
  }

  await hearFile();
  const stopWatching = watchFiles([file], () => void hearFile());
  return {
    current: (): Crl | undefined => crl,
    isRevoked: (serial: string): boolean => enrolments.has(enrolmentOf(serial)),
    /** Takes a list if it is newer. @throws `refused` when it is not this CA's. */
    hear,
    onChange: (listener: () => void): void => void listeners.push(listener),
    close: stopWatching,
  };
}
