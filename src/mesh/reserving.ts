/**
 * Agrees with all peers that answer on a name and an address, before a cnvm is made with them. Invariant: of two nodes that
 * reach each other, at most one is told that it has them, and of those that ask at once one is.
 */
import { randomUUID } from 'node:crypto';
import type { Logger } from 'pino';
import { messageOf } from '../base/errors.js';
import type { Reserved, Wish } from '../cnvms/reserve-port.js';
import { type Answer, type Asked, createReservations, obstacle, whatOf } from './reservations.js';

/** What this room needs of a peer for it. */
export interface ReservationLink {
  /** @returns undefined when the peer is too old to know. */
  reserve(asked: Asked, call: { timeoutMs: number }): Promise<Answer | undefined>;
  letGo(id: string, call: { timeoutMs: number }): Promise<void>;
}

export interface ReservingOptions {
  readonly node: string;
  /** Every peer that has not left. */
  readonly peers: () => readonly { readonly name: string; readonly link: { readonly reservations: ReservationLink } }[];
  /** What is here, or comes here. */
  readonly holdings: () => readonly Wish[];
  /** Afterwards the peers know what is here. */
  readonly tellAll: () => Promise<unknown>;
  readonly patience: number;
  readonly log: Logger;
}

/** A node that does not answer in this time is taken for one that is cut off. */
const ANSWER_MS = 2_000;
/** Making a cnvm takes seconds; a node that dies meanwhile keeps nobody from its name for longer. */
const LASTS_MS = 120_000;

export type ReservationsOfNode = ReturnType<typeof createReserving>;

export function createReserving({ node, peers, holdings, tellAll, patience, log }: ReservingOptions) {
  const table = createReservations(node, LASTS_MS * patience);
  const limits = { timeoutMs: ANSWER_MS * patience };

  /** A peer asks. */
  function asked(wish: Asked, from: string): Answer {
    const made = holdings().find((one) => one.name === wish.name || one.address === wish.address);
    if (made !== undefined) return { granted: false, holder: node, what: whatOf(made, wish), made: true };
    return table.ask(wish, from, Date.now());
  }

  async function askAll(wish: Asked) {
    const answers = new Map<string, Answer>();
    const silent: string[] = [];
    const askOne = async (name: string, link: ReservationLink) => {
      try {
        answers.set(name, (await link.reserve(wish, limits)) ?? { granted: true });
      } catch (error) {
        log.debug({ peer: name, error: messageOf(error) }, 'a peer cannot be asked for a name');
        silent.push(name);
      }
    };
    await Promise.all(peers().map(({ name, link }) => askOne(name, link.reservations)));
    return { answers, silent: silent.sort() };
  }

  /** Nobody waits for it: what is not let go of ends by itself. */
  async function letGo(id: string): Promise<void> {
    // First: who lets go of a name that has been used knows who uses it.
    await tellAll();
    table.letGo(id, node);
    await Promise.allSettled(peers().map(({ link }) => link.reservations.letGo(id, limits)));
  }
  const release = (id: string) =>
    void letGo(id).catch((error: unknown) => log.debug({ error: messageOf(error) }, 'could not let go of a name'));

  return {
    asked,
    released: (id: string, from: string): void => table.letGo(id, from),
    async reserve({ name, address }: Wish): Promise<Reserved> {
      const wish = { id: randomUUID(), name, address };
      const own = table.ask(wish, node, Date.now());
      if (!own.granted) return { kind: 'taken', what: own.what, by: own.holder };
      const { answers, silent } = await askAll(wish);
      const against = obstacle(answers) ?? table.settle(wish, Date.now());
      if (against === undefined) {
        if (silent.length > 0) log.warn({ cnvm: name, silent }, 'not all peers could be asked for the name');
        return { kind: 'held', silent, release: () => release(wish.id) };
      }
      release(wish.id);
      return { kind: 'taken', what: against.what, by: against.holder };
    },
  };
}
