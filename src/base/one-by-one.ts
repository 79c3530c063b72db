/** Acts of which each must be done, one at a time for what they are about. Invariant: one that fails keeps no later one from it. */

export type OneByOne = <T>(about: string, act: () => Promise<T>) => Promise<T>;

/** @returns what does an act when all that was asked for before it, about the same, has ended. */
export function createOneByOne(): OneByOne {
  const last = new Map<string, Promise<unknown>>();
  return async (about, act) => {
    const turn = (last.get(about) ?? Promise.resolve()).then(act);
    const ended = turn.then(
      () => undefined,
      () => undefined,
    );
    last.set(about, ended);
    try {
      return await turn;
    } finally {
      if (last.get(about) === ended) last.delete(about);
    }
  };
}
