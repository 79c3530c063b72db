/** What an evacuation is: what is ordered, what is told of it, and what follows from the end of one move. Pure. */
import type { RefusalKind } from '../base/errors.js';
import type { Outcome } from './migration.js';

export interface EvacuateOrder {
  /** Peers by name, address or overlay address; none: to any. */
  readonly to: readonly string[];
  /** Moves at once. */
  readonly parallel: number;
  /** After this no new move begins. */
  readonly deadlineMs: number;
  readonly dryRun: boolean;
  /** Why, for people. */
  readonly reason: string;
}

/**
 * - `moved`: it is at the target.
 * - `stayed`: it is where it was.
 * - `in-doubt`: it was handed to a peer that has not said whether it took it.
 * - `would-move`: in a dry run: it would go to the target.
 * - `gone`: somebody else moved or removed it meanwhile.
 */
export type EvacuationOutcome = 'moved' | 'stayed' | 'in-doubt' | 'would-move' | 'gone';

export interface EvacuationResult {
  readonly name: string;
  readonly outcome: EvacuationOutcome;
  /** Where it is or would be; empty when it stayed. */
  readonly target: string;
  /** Moves that were begun. */
  readonly tries: number;
  /** Why it stayed, or what went wrong before it went; each a sentence. */
  readonly reasons: readonly string[];
  /** 0 when it did not run. */
  readonly freezeMs: number;
  readonly totalMs: number;
}

/**
 * - `empty`: the node has no cnvm any more.
 * - `stayed`: what stayed can go nowhere.
 * - `deadline`, `stopped`: that came first.
 */
export type EvacuationEnd = 'empty' | 'stayed' | 'deadline' | 'stopped';

export interface EvacuationSummary {
  readonly node: string;
  readonly end: EvacuationEnd;
  readonly results: readonly EvacuationResult[];
  readonly totalMs: number;
  readonly dryRun: boolean;
}

export interface EvacuationStarted {
  readonly node: string;
  /** How many are to move. */
  readonly cnvms: number;
  readonly parallel: number;
  readonly deadlineMs: number;
  readonly dryRun: boolean;
}

export type EvacuationEvent =
  | { readonly kind: 'started'; readonly started: EvacuationStarted }
  | { readonly kind: 'step'; readonly text: string }
  | { readonly kind: 'moving'; readonly name: string; readonly target: string }
  | { readonly kind: 'result'; readonly result: EvacuationResult }
  | { readonly kind: 'summary'; readonly summary: EvacuationSummary };

/** How one move ended. */
export interface MoveEnd {
  readonly outcome: Outcome;
  /** Of a refusal. */
  readonly kind: RefusalKind | undefined;
  /** It was refused before the target was asked. */
  readonly unasked: boolean;
}

/**
 * - `moved`: done.
 * - `elsewhere`: not there; another node may take it.
 * - `later`: there or elsewhere, in a while.
 * - `wait`: nobody may touch it until its target has said what came of it.
 * - `stay`: a person must look at it.
 */
export type Next = 'moved' | 'elsewhere' | 'later' | 'wait' | 'stay';

/** What broke on its way may break again, and each try freezes it: so often it is tried with one target, and in all. */
export const TRIES_WITH_ONE = 2;
export const TRIES_MAX = 4;

/** @param failed how often it has broken on its way: to this target, and at all; this time counts. */
export function nextAfter({ outcome, kind, unasked }: MoveEnd, failed: { there: number; all: number }): Next {
  switch (outcome) {
    case 'succeeded':
      return 'moved';
    case 'in-doubt':
      return 'wait';
    case 'stranded':
    case 'running':
      return 'stay';
    case 'refused':
      if (unasked) return failed.all < TRIES_MAX ? 'later' : 'stay';
      return kind === 'unavailable' || kind === 'cancelled' ? 'later' : 'elsewhere';
    case 'aborted':
      if (failed.all >= TRIES_MAX) return 'stay';
      return failed.there >= TRIES_WITH_ONE ? 'elsewhere' : 'later';
  }
}

/** What is left says how it ended. */
export function endOf(results: readonly EvacuationResult[], over: 'deadline' | 'stopped' | undefined): EvacuationEnd {
  const left = results.some(({ outcome }) => outcome === 'stayed' || outcome === 'in-doubt');
  return left ? (over ?? 'stayed') : 'empty';
}
