/**
 * A stack of steps that take back what was done. Invariant: each step runs at most once, newest first, and one that
 * fails does not keep the rest from running.
 */

export type UndoStep = () => void | Promise<void>;

export interface Undo {
  /** Remembers how to take back the thing just done. */
  add(what: string, step: UndoStep): void;
  /** Takes everything back. Never throws: what failed goes to `onError`, and its names are returned. */
  run(): Promise<string[]>;
  /** Forgets every step: the thing is done for good. */
  clear(): void;
}

/** @param onError told of each step that could not be taken back. */
export function createUndo(onError: (what: string, error: unknown) => void): Undo {
  let steps: { what: string; step: UndoStep }[] = [];
  return {
    add(what, step) {
      steps.push({ what, step });
    },
    async run() {
      const taken = steps.reverse();
      steps = [];
      const failed: string[] = [];
      for (const { what, step } of taken) {
        try {
          await step();
        } catch (error) {
          failed.push(what);
          onError(what, error);
        }
      }
      return failed;
    },
    clear() {
      steps = [];
    },
  };
}
