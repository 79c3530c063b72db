/**
 * What the two sides of a hand-over decide, by nothing but what is durable and what really runs. Pure: the daemon acts on
 * these, and the model check explores the very same functions. Invariant: none of them lets a cnvm run where another node
 * may have it.
 */
import type { SourceState, TargetState } from './journal.js';
import type { HandOverResult, QueryAnswer, Standing } from './peer-port.js';

/**
 * What a source does that finds this in its journal when it starts:
 * - `thaw`: ours beyond doubt; let it run on, from wherever it was interrupted.
 * - `ask`: the target may have it; only the target's word counts.
 * - `clear`: the target's; what lies here is a dead copy.
 * - `nothing`: ours, and all is said and done.
 */
export type SourceRecovery = 'thaw' | 'ask' | 'clear' | 'nothing';

/** @param runs whether it really runs here. */
export function sourceRecovery(state: SourceState, runs: boolean): SourceRecovery {
  switch (state) {
    case 'kept':
      return 'nothing';
    case 'begun':
    case 'frozen':
      return 'thaw';
    case 'handing-over':
      // One that runs was thawed, and that is done only while the hand-over is unsent or when it has come back: an entry
      // can be on disk although to write it has failed.
      return runs ? 'thaw' : 'ask';
    case 'released':
      return 'clear';
  }
}

/**
 * What a target does that finds this in its journal when it starts:
 * - `keep`: it is ours and runs.
 * - `give-back`: handed over and not running: clear it away, and only then say durably that the source may have it.
 * - `lose`: ours, and a part of its memory never came: end what runs of it, and say durably that it has ended.
 * - `forget`: never was ours.
 * - `nothing`: all is said and done.
 */
export type TargetRecovery = 'keep' | 'give-back' | 'lose' | 'forget' | 'nothing';

/**
 * @param runs whether it really runs here, with all of its memory. Nothing that could still start it may be left when this
 * is asked.
 */
export function targetRecovery(state: TargetState, runs: boolean): TargetRecovery {
  switch (state) {
    case 'receiving':
      return 'forget';
    case 'activating':
      return runs ? 'keep' : 'give-back';
    case 'paging':
      // Nobody is left to bring the rest, and the source may not run it again: the world has seen it run here.
      return runs ? 'keep' : 'lose';
    case 'running':
      return 'keep';
    case 'lost':
    case 'returned':
    case 'cancelled':
      return 'nothing';
  }
}

/** Whether the source may still call a migration off, by what the target's journal says of it. */
export function mayCancel(standing: Standing): boolean {
  return standing === 'receiving' || standing === 'unknown';
}

/**
 * What the target's word means for a source that did not hear the answer to its hand-over: the answer, or undefined when
 * it must be asked for again, because the target has it before it, is at it, or does not know it any more.
 * @param epoch the epoch that was handed over.
 */
export function afterQuery(answer: QueryAnswer, epoch: number): HandOverResult | undefined {
  switch (answer.standing) {
    case 'running':
    case 'paging':
    case 'lost':
      // It ran there: whether all of its memory came `afterPages` says.
      return { kind: 'running', parts: [] };
    case 'returned':
      return { kind: 'returned', reason: answer.reason, epoch: answer.epoch };
    case 'cancelled':
      // It has not taken it, and a hand-over of a migration that has ended it refuses: it never will.
      return { kind: 'returned', reason: answer.reason || 'it never took it', epoch: epoch + 1 };
    case 'receiving':
    case 'activating':
      return undefined;
    case 'unknown':
      // It had noted the offer before it was told anything else. That its journal does not know of it any more says nothing
      // about what it did: a machine that was made anew, or an entry forgotten long since.
      return undefined;
  }
}

/** What the target's word means for a source whose memory it needs: all of it is there, it never will be, or ask again. */
export function afterPages({ standing }: QueryAnswer): 'complete' | 'lost' | undefined {
  switch (standing) {
    case 'running':
      return 'complete';
    case 'lost':
      return 'lost';
    default:
      // Also one that does not know it any more: while it may need the memory, the memory stays.
      return undefined;
  }
}
