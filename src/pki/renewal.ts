/**
 * A node's certificate renews itself, with a new key. Invariant: the files change only when the new pair is whole and is this
 * node's; and while nobody renews it, the log says more and more loudly until when it lasts.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { messageOf, refused } from '../base/errors.js';
import { factsOf, issuerOf, parseAuthorities, parseCertificate } from './facts.js';
import type { TlsFiles } from './identity.js';
import { renewalMs } from './lifetimes.js';
import { replacePair } from './replace-pair.js';
import { makeRequest } from './request.js';
import type { Rotation } from './rotation.js';

export interface RenewalPorts {
  readonly files: TlsFiles;
  readonly rotation: Rotation;
  /** Asks whoever holds the CA, this node too. @returns PEM. @throws when nobody does. */
  readonly ask: (request: Uint8Array) => Promise<string>;
  readonly log: Logger;
}

/** Between two looks at the clock: it may be set, and machines sleep. */
const LOOK_EVERY_MS = 60_000;
/** In a certificate's life there are so many looks at least. */
const LOOKS_MIN = 50;
const LOOK_MS_MIN = 100;
/** While its CA leaves and nobody has given it another certificate yet: a person waits for that. */
const LEAVING_LOOK_MS = 15_000;

/** Renews whenever it is time, until the signal fires. */
export async function keepRenewing(ports: RenewalPorts, signal: AbortSignal): Promise<void> {
  const random = Math.random();
  let wake = new AbortController();
  // What was put in its place may be shorter.
  ports.rotation.onChange(() => wake.abort());
  while (!signal.aborted) {
    const { notBeforeMs, notAfterMs, caLeaves } = ports.rotation.current();
    const inItsTimeMs = renewalMs({ notBeforeMs, notAfterMs }, random);
    // Its CA is being taken out: one by the new CA is asked for at once.
    const dueMs = caLeaves ? Math.min(Date.now(), inItsTimeMs) : inItsTimeMs;
    if (Date.now() >= dueMs) await tryToRenew(ports, dueMs);
    const every = ports.rotation.current().caLeaves ? LEAVING_LOOK_MS : LOOK_EVERY_MS;
    const lookMs = Math.min(every, Math.max(LOOK_MS_MIN, (notAfterMs - Date.now()) / LOOKS_MIN));
    const awake = AbortSignal.any([signal, wake.signal]);
    await sleep(lookMs, undefined, { signal: awake, ref: false }).catch(() => undefined);
    if (wake.signal.aborted) wake = new AbortController();
  }
}

async function tryToRenew(ports: RenewalPorts, dueMs: number): Promise<void> {
  const { rotation, log } = ports;
  try {
    await renew(ports);
  } catch (error) {
    const { notAfterMs } = rotation.current();
    const facts = { error: messageOf(error), until: new Date(notAfterMs).toISOString() };
    const late = Date.now() > (dueMs + notAfterMs) / 2;
    if (late) log.error(facts, "this node's certificate is not renewed, and expires soon: renew it where the CA is");
    else log.warn(facts, "this node's certificate is not renewed yet");
  }
}

/** Afterwards the files hold a new pair, and it is in use. */
async function renew({ files, rotation, ask }: RenewalPorts): Promise<void> {
  const { subject, ca } = rotation.current();
  const { request, key } = await makeRequest();
  const pem = await ask(request);
  const certificate = parseCertificate(pem, 'what was issued');
  const facts = factsOf(certificate);
  const ours = issuerOf(certificate, parseAuthorities(ca, files.ca)) !== undefined;
  if (!ours || facts.subject?.role !== 'node' || facts.subject.name !== subject.name)
    throw refused('invalid', 'what was issued is not for this node');
  await replacePair(files, { certificate: pem, key });
  rotation.reload();
}
