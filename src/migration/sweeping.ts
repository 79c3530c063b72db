/** When it is swept: at the start, and after a migration has failed. Invariant: one sweep at a time, and none after `stop`. */

/** @param sweep never throws. */
export function createSweeping(sweep: () => Promise<void>) {
  let current: Promise<void> | undefined;
  let again = false;
  let over = false;

  async function run(): Promise<void> {
    do {
      again = false;
      await sweep();
    } while (again && !over);
    current = undefined;
  }

  return {
    /** Sweeps, or once more after the sweep that is under way. Resolves when it is done. */
    now(): Promise<void> {
      if (over) return Promise.resolve();
      again = current !== undefined;
      current ??= run();
      return current;
    },
    async stop(): Promise<void> {
      over = true;
      await current;
    },
  };
}
