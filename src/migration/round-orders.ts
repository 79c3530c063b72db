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
  done(taken: RoundTaken): void;
  fail(error: unknown): void;
}

interface Slot extends TakenOrder {
  readonly answer: Promise<RoundTaken>;
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
    let done: (taken: RoundTaken) => void = () => undefined;
    let fail: (error: unknown) => void = () => undefined;
    const answer = new Promise<RoundTaken>((yes, no) => {
      done = yes;
      fail = no;
    });
    answer.catch(() => undefined);
    return { ...order, answer, ended, over: ended.signal, done, fail, taken: false };
  }

  return {
    /** The caller's side: orders the round and waits until it is done. */
    async ask(order: RoundOrder): Promise<RoundTaken> {
      if (last === undefined || order.round > last.round) {
        if (closed) throw refused('state', 'no more rounds are taken');
        const why = refused('cancelled', `round ${order.round} was ordered`);
        last?.fail(why);
        last?.ended.abort(why);
        last = slotOf(order);
        wake();
      } else if (order.round !== last.round || order.parent !== last.parent) {
        throw refused(
          'state',
          `round ${order.round} on ${order.parent} was ordered after ${last.round} on ${last.parent}`,
        );
      }
      return await Promise.race([last.answer, storyFails]);
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
