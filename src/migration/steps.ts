/**
 * Where the source's calls meet the target's one linear story. Invariant: each step is asked for by calls and done by the
 * story, once; a call that comes twice gets the same answer; when the story fails, so does every call.
 */
import { refused } from '../base/errors.js';

/** What each step is asked with and answered. */
export type StepTable = Record<string, { ask: unknown; answer: unknown }>;

interface Slot {
  readonly asked: PromiseWithResolvers<unknown>;
  readonly answered: PromiseWithResolvers<unknown>;
}

export type Steps<T extends StepTable> = ReturnType<typeof createSteps<T>>;

/** @param patience multiplies how long the story waits for a step to be asked for. */
export function createSteps<T extends StepTable>(patience = 1) {
  const slots = new Map<keyof T, Slot>();
  let failure: { error: unknown } | undefined;
  const story = withResolvers<never>();

  function slot(step: keyof T): Slot {
    const known = slots.get(step);
    if (known !== undefined) return known;
    const made = { asked: withResolvers<unknown>(), answered: withResolvers<unknown>() };
    if (failure !== undefined) {
      made.asked.reject(failure.error);
      made.answered.reject(failure.error);
    }
    slots.set(step, made);
    return made;
  }

  const patient = (ms: number): number => ms * patience;

  return {
    /** How long to wait for the source, where another one would wait for `ms`. */
    patient,

    /** The caller's side: asks for the step and waits until it is done. */
    async ask<K extends keyof T>(step: K, what: T[K]['ask']): Promise<T[K]['answer']> {
      slot(step).asked.resolve(what);
      return await slot(step).answered.promise;
    },

    /** The story's side: waits until the step is asked for. @throws `refused` when that takes longer than `patienceMs`, multiplied. */
    async until<K extends keyof T>(step: K, patienceMs: number): Promise<T[K]['ask']> {
      const { asked } = slot(step);
      const waitMs = patient(patienceMs);
      const timer = setTimeout(() => {
        const seconds = waitMs / 1000;
        asked.reject(refused('unavailable', `the source has been silent for ${seconds} s before "${String(step)}"`));
      }, waitMs);
      try {
        return await asked.promise;
      } finally {
        clearTimeout(timer);
      }
    },

    /** Resolves when the step is asked for, however long that takes: for who waits for something else, too. */
    async asked<K extends keyof T>(step: K): Promise<void> {
      await slot(step).asked.promise;
    },

    /** Rejects when the story fails. */
    failed: story.promise,

    /** The story's side: answers every call for the step, those to come too. */
    done<K extends keyof T>(step: K, answer: T[K]['answer']): void {
      slot(step).answered.resolve(answer);
    },

    /** The story has failed: every call not yet answered, and every wait, fails with this. */
    fail(error: unknown): void {
      failure ??= { error };
      story.reject(error);
      for (const { asked, answered } of slots.values()) {
        asked.reject(error);
        answered.reject(error);
      }
    },
  };
}

/** `Promise.withResolvers`, which Node 20 lacks; a rejection that nobody waits for is no crash. */
function withResolvers<V>(): PromiseWithResolvers<V> {
  let resolve: PromiseWithResolvers<V>['resolve'] = () => undefined;
  let reject: PromiseWithResolvers<V>['reject'] = () => undefined;
  const promise = new Promise<V>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  promise.catch(() => undefined);
  return { promise, resolve, reject };
}

interface PromiseWithResolvers<V> {
  readonly promise: Promise<V>;
  readonly resolve: (value: V) => void;
  readonly reject: (error: unknown) => void;
}
