/** One thing at a time per cnvm. Invariant: who comes second is refused at once and told what is going on. */
import { refused } from '../base/errors.js';

export type Locks = ReturnType<typeof createLocks>;

export function createLocks() {
  const held = new Map<string, string>();
  return {
    /**
     * Takes the cnvm for `doing` ("being stopped").
     * @returns what lets it go; calling it twice is harmless. @throws `refused` when it is taken.
     */
    take(name: string, doing: string): () => void {
      const now = held.get(name);
      if (now !== undefined) throw refused('state', `${name} is ${now}`, { remedy: 'Wait until that has ended.' });
      held.set(name, doing);
      let free = false;
      return () => {
        if (!free) held.delete(name);
        free = true;
      };
    },

    /** Runs `act` with the cnvm taken. */
    async with<T>(name: string, doing: string, act: () => Promise<T>): Promise<T> {
      const release = this.take(name, doing);
      try {
        return await act();
      } finally {
        release();
      }
    },

    /** The names of all that something is being done to. */
    names: (): string[] => [...held.keys()],

    /** What is being done to it, or undefined. */
    doing: (name: string): string | undefined => held.get(name),
  };
}
