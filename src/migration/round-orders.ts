/**
 * Where the source's orders of rounds meet the target's story. Invariant: the story does one round at a time, the latest; an
 * order that comes twice gets the same answer; one that is newer ends the one before it.
 */
import { refused } from '../base/errors.js';
import type { RoundOrder, RoundTaken } from './peer-port.js';

/** An order that the story has taken up, and answers. */
export interface TakenOrder extends RoundOrder {
  /** Fires when the source does not wait for it any more. */
  readonly over: AbortSignal;
  answer(taken: RoundTaken): void;
}

interface Slot extends TakenOrder {
  readonly answered: Promise<RoundTaken>;
  readonly ended: AbortController;
  taken: boolean;
}

export type RoundOrders = ReturnType<typeof createRoundOrders>;

/** @param storyFails rejects when the story does: then every order does, too. */
export function createRoundOrders(storyFails: Promise<never>) {
  let last: Slot | undefined;
  let wake: () => void = () => undefined;
  let closed = false;

  function slotOf(order: RoundOrder): Slot {
    const ended = new AbortController();
    let answer: (taken: RoundTaken) => void = () => undefined;
    const answered = new Promise<RoundTaken>((resolve) => {
      answer = resolve;
    });
    return { ...order, answer, answered, ended, over: ended.signal, taken: false };
  }

  return {
    /** The caller's side: orders the round and waits until it is done. */
    async ask(order: RoundOrder): Promise<RoundTaken> {
      if (last === undefined || order.round > last.round) {
        if (closed) throw refused('state', 'no more rounds are taken');
        const broken = `round ${order.round} was ordered`;
        last?.answer({ bytes: 0, broken });
        last?.ended.abort(refused('cancelled', broken));
        last = slotOf(order);
        wake();
      } else if (order.round !== last.round || order.parent !== last.parent) {
        throw refused(
          'state',
          `round ${order.round} on ${order.parent} was ordered after ${last.round} on ${last.parent}`,
        );
      }
      return await Promise.race([last.answered, storyFails]);
    },

    /** The story's side: no new order is taken from now on. */
    close(): void {
      closed = true;
    },

    /** The story's side: the latest order, when it has not been taken up yet; else the next one. */
    async next(): Promise<TakenOrder> {
      while (last === undefined || last.taken) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
      last.taken = true;
      return last;
    },
  };
}
