/** What the target's journal means for a source that did not hear the answer to its hand-over. Pure. */
import type { HandOverResult, QueryAnswer } from './peer-port.js';

/**
 * The answer to the hand-over, or undefined when it must be asked for again: the target has it before it, or is at it.
 * @param epoch the epoch that was handed over.
 */
export function afterQuery(answer: QueryAnswer, epoch: number): HandOverResult | undefined {
  switch (answer.standing) {
    case 'running':
      return { kind: 'running', parts: [] };
    case 'returned':
      return { kind: 'returned', reason: answer.reason, epoch: answer.epoch };
    case 'cancelled':
    case 'unknown':
      // It has not taken it, and a hand-over of a migration that it does not know it refuses: it never will.
      return { kind: 'returned', reason: answer.reason || 'it never took it', epoch: epoch + 1 };
    case 'receiving':
    case 'activating':
      return undefined;
  }
}
