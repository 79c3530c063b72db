/** How a migration's failure is told: what happened, where the cnvm is, what to do. Pure. */
import { CnvmError, type ErrorFacts, messageOf } from '../base/errors.js';
import type { Outcome } from './migration.js';

/** Where a failure has left the cnvm. */
export interface Aftermath {
  readonly source: string;
  readonly name: string;
  /** It runs at the source; otherwise it is stopped there, as it was or because it could not be let run on. */
  readonly runs: boolean;
  /** It could not be let run on. */
  readonly stuck: boolean;
  /** It ran and has ended all the same: what a criu that was killed has left in its processes may do that. */
  readonly ended: boolean;
  /** The target had said yes. */
  readonly begun: boolean;
}

/** A failure before the hand-over, or a hand-over that came back. A plain no to the offer stays what it is. */
export function rolledBack(error: unknown, aftermath: Aftermath): CnvmError {
  const { name, source, runs, stuck, ended, begun } = aftermath;
  if (!begun && error instanceof CnvmError && error.code === 'refused' && error.kind !== 'cancelled') return error;
  const facts: ErrorFacts = {
    location: source,
    cause: error,
    ...(error instanceof CnvmError && error.tool !== undefined ? { tool: error.tool } : {}),
  };
  if (stuck) {
    const remedy = `The log of cnvmd on ${source} says why; when that is mended, restart cnvmd there: it tries again.`;
    return new CnvmError('stranded', `${messageOf(error)}; ${name} is on ${source} and could not be let run on`, {
      ...facts,
      remedy,
    });
  }
  if (ended) {
    return new CnvmError('stranded', `${messageOf(error)}; ${name} is on ${source} and has ended: its memory is lost`, {
      ...facts,
      remedy: `Its disk is whole: cnvm start ${name}`,
    });
  }
  const where = runs ? `runs on ${source} as before` : `is on ${source}, stopped as before`;
  return new CnvmError('aborted', `${messageOf(error)}; ${name} ${where}`, {
    ...facts,
    remedy: 'It can be tried again.',
  });
}

/** The target was told to take it and has not answered. */
export function stillInDoubt(error: unknown, name: string, target: string): CnvmError {
  return new CnvmError(
    'in-doubt',
    `${target} was told to take ${name} and has not said whether it did: ${messageOf(error)}`,
    {
      remedy:
        `It stays frozen here and is asked for again and again. When ${target} answers, it runs on one of the two. ` +
        'If it never comes back: cnvm recover.',
      cause: error,
    },
  );
}

/** The outcome that an error stands for. */
export function outcomeOf(error: unknown): Exclude<Outcome, 'running' | 'succeeded'> {
  if (!(error instanceof CnvmError) || error.code === 'tool') return 'aborted';
  return error.code;
}
