/**
 * Ends a migration that takes too long or does not move. Invariant: only phases before the hand-over are watched; after it
 * nothing is called off because of time.
 */
import type { Config } from '../base/config.js';
import { CnvmError } from '../base/errors.js';
import type { Phase } from './migration.js';
import type { Pulse, Report } from './report.js';

export interface Limits {
  /** Bytes must move at least this often, in the phases that move any. */
  readonly stallMs: number;
  readonly seedMs: number;
  readonly precopyMs: number;
  readonly freezeMs: number;
}

const EVERY_MS = 250;

/** As the config has them, in seconds. */
export function limitsOf({ stall, seed, precopy, freeze }: Config['limits']): Limits {
  return { stallMs: stall * 1000, seedMs: seed * 1000, precopyMs: precopy * 1000, freezeMs: freeze * 1000 };
}

/** Why the migration is to be called off now, or undefined. Pure. */
export function overdue({ phase, phaseMs, silentMs }: Pulse, limits: Limits): string | undefined {
  const deadlines: Readonly<Partial<Record<Phase, number>>> = {
    seed: limits.seedMs,
    precopy: limits.precopyMs,
    freeze: limits.freezeMs,
  };
  const deadline = deadlines[phase];
  if (deadline === undefined) return undefined;
  if (phaseMs > deadline) return `the phase "${phase}" takes longer than ${deadline / 1000} s`;
  if (silentMs > limits.stallMs) return `nothing has moved for ${limits.stallMs / 1000} s in the phase "${phase}"`;
  return undefined;
}

/** Looks until it is told to stop, or has called `give up`, once. @returns what stops it. */
export function watch(report: Report, limits: Limits, giveUp: (why: CnvmError) => void): () => void {
  const timer = setInterval(() => {
    const why = overdue(report.pulse(), limits);
    if (why === undefined) return;
    clearInterval(timer);
    giveUp(new CnvmError('aborted', why));
  }, EVERY_MS);
  timer.unref();
  return () => clearInterval(timer);
}
