/**
 * How the list of what is revoked gets round: whoever has a new one tells all peers, and everybody asks some of them now and
 * then. Invariant: of peers that reach each other, over whatever others, all have the newest list after a few rounds; and where
 * two have each made one, who holds the CA has heard both.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { messageOf } from '../base/errors.js';
import type { Crl } from '../pki/crl.js';

/** What this needs of a peer. */
export interface TrustLink {
  /** @param crl is sent along if it is given. @returns the peer's number, and its list when that is newer. */
  revocations(
    known: { readonly number: number; readonly crl: Uint8Array | undefined },
    call: { timeoutMs: number },
  ): Promise<{ readonly number: number; readonly crl: Uint8Array }>;
  /** @param request in DER. @returns the certificate, PEM. */
  renew(request: Uint8Array, call: { timeoutMs: number }): Promise<string>;
}

export interface TellPorts {
  readonly peers: () => readonly { readonly name: string; readonly trust: TrustLink }[];
  readonly revocations: {
    current(): Crl | undefined;
    hear(crl: Uint8Array): Promise<void>;
    onChange(listener: () => void): void;
  };
  readonly log: Logger;
}

/** For a peer that was away when it was told. */
const ROUND_MS = 5_000;
const ANSWER_MS = 2_000;
/** What is new does not wait for the next round because one answer was late. */
const NEWS_TRIES = 3;

/** Tells and asks until the signal fires. Never throws: a peer that does not answer is asked again. */
export async function keepTelling(ports: TellPorts, signal: AbortSignal): Promise<void> {
  const telling = { ...ports, compared: new Map<string, number>() };
  ports.revocations.onChange(() => void tellAll(telling, true));
  while (!signal.aborted) {
    await tellAll(telling, false);
    await sleep(ROUND_MS, undefined, { signal, ref: false }).catch(() => undefined);
  }
}

interface Telling extends TellPorts {
  /** By peer: the number of the list that it was seen to have, too. Two who have made lists apart may give them the same one. */
  readonly compared: Map<string, number>;
}

async function tellAll(ports: Telling, news: boolean): Promise<void> {
  const peers = news ? ports.peers() : someOf(ports.peers());
  await Promise.all(peers.map(({ name, trust }) => tell(ports, name, trust, news)));
}

/** At random, and at most so many: in a large mesh each is asked by others as well. */
function someOf<T>(all: readonly T[]): T[] {
  const left = [...all];
  const some: T[] = [];
  while (some.length < ROUND_PEERS && left.length > 0)
    some.push(...left.splice(Math.floor(Math.random() * left.length), 1));
  return some;
}
/** In each round; what a few ask of so many is everywhere after two or three rounds. */
const ROUND_PEERS = 16;

async function tell(
  ports: Telling,
  peer: string,
  link: TrustLink,
  news: boolean,
  tries = news ? NEWS_TRIES : 1,
): Promise<void> {
  const { revocations, compared, log } = ports;
  try {
    const known = revocations.current();
    const number = known?.number ?? 0;
    const answer = await link.revocations({ number, crl: news ? known?.der : undefined }, { timeoutMs: ANSWER_MS });
    if (answer.crl.length > 0) await revocations.hear(answer.crl);
    // It was told only the number, and has less.
    else if (answer.number < number && !news) await tell(ports, peer, link, true);
    else if (!news && number > 0 && compared.get(peer) !== number) {
      // As if we had less: then it says what it has.
      const theirs = await link.revocations({ number: number - 1, crl: undefined }, { timeoutMs: ANSWER_MS });
      if (theirs.crl.length > 0) await revocations.hear(theirs.crl);
      compared.set(peer, number);
    }
  } catch (error) {
    log.debug({ peer, error: messageOf(error) }, 'peer not told what is revoked');
    if (tries > 1) await tell(ports, peer, link, news, tries - 1);
  }
}
