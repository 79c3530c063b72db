/** What an evacuation has tried with each cnvm, and so what it may try next. */
import { CnvmError, messageOf, type RefusalKind } from '../base/errors.js';
import type { Fits } from '../mesh/placement.js';
import { type MoveEnd, type Next, nextAfter } from './evacuation.js';
import type { MigrationEvent } from './migration.js';
import { outcomeOf } from './outcome.js';

/** Of one cnvm. */
interface Attempt {
  tries: number;
  /** How often it has broken on its way, at all and to each target. */
  failed: number;
  readonly failedTo: Map<string, number>;
  /** Nodes that it does not go to any more, and why. */
  readonly never: Map<string, string>;
  /** Until when it leaves a node alone, by `performance.now()`, and why. */
  readonly later: Map<string, { readonly untilMs: number; readonly why: string }>;
  /** Each a sentence. */
  readonly said: string[];
  /** Who was told to take it and has not said whether it did. */
  doubtful: string | undefined;
}

/** How a move ended, with its figures. */
export interface Ended extends MoveEnd {
  readonly error: string;
  readonly freezeMs: number;
  readonly totalMs: number;
}

/** Who has said "not now" is left alone so long. */
const PAUSE_MS = 1_000;
/** People read them. */
const SAID_MAX = 10;

export function createAttempts() {
  const all = new Map<string, Attempt>();

  function of(name: string): Attempt {
    const known = all.get(name);
    if (known !== undefined) return known;
    const none = { failedTo: new Map(), never: new Map(), later: new Map() };
    const made: Attempt = { tries: 0, failed: 0, ...none, said: [], doubtful: undefined };
    all.set(name, made);
    return made;
  }

  const isLater = (untilMs: number) => performance.now() < untilMs;

  return {
    begin(name: string): void {
      of(name).tries += 1;
    },
    tries: (name: string): number => of(name).tries,
    said: (name: string): readonly string[] => of(name).said,
    /** Who was told to take it, when that one has not said whether it did. */
    doubtful: (name: string): string | undefined => of(name).doubtful,
    /** Whether there is a node that is only left alone for a while. */
    waits: (name: string): boolean => [...of(name).later.values()].some(({ untilMs }) => isLater(untilMs)),
    /** What speaks against sending it there. */
    against: ((name, node) => {
      const { never, later } = of(name);
      const why = never.get(node);
      const pause = later.get(node);
      return [
        ...(why === undefined ? [] : [why]),
        ...(pause !== undefined && isLater(pause.untilMs) ? [`${node} is left alone for a moment: ${pause.why}`] : []),
      ];
    }) satisfies Fits,
    never(name: string, node: string, why: string): void {
      of(name).never.set(node, why);
    },
    /** A move to `target` has ended. @returns what follows. */
    note(name: string, target: string, end: Ended): Next {
      const one = of(name);
      const broke = end.outcome === 'aborted' || end.unasked;
      if (broke) one.failed += 1;
      if (broke) one.failedTo.set(target, (one.failedTo.get(target) ?? 0) + 1);
      const next = nextAfter(end, { there: one.failedTo.get(target) ?? 0, all: one.failed });
      one.doubtful = next === 'wait' ? target : undefined;
      if (next === 'moved') return next;
      if (!one.said.includes(end.error) && one.said.length < SAID_MAX) one.said.push(end.error);
      if (next === 'elsewhere') one.never.set(target, end.error);
      if (next === 'later') one.later.set(target, { untilMs: performance.now() + PAUSE_MS, why: end.error });
      return next;
    },
  };
}

/** Follows a move to its end. Never throws. */
export async function endOfMove(events: AsyncIterable<MigrationEvent>): Promise<Ended> {
  let asked = false;
  const nothing = { error: '', freezeMs: 0, totalMs: 0 };
  try {
    for await (const event of events) {
      asked = true;
      if (event.kind !== 'ended') continue;
      const { outcome, error, freezeMs, totalMs } = event.migration;
      return { outcome, kind: event.refusal, unasked: false, error, freezeMs, totalMs };
    }
    return { ...nothing, outcome: 'aborted', kind: undefined, unasked: false, error: 'its end was not told' };
  } catch (error) {
    const kind: RefusalKind | undefined = error instanceof CnvmError ? error.kind : undefined;
    return { ...nothing, outcome: outcomeOf(error), kind, unasked: !asked, error: messageOf(error) };
  }
}
