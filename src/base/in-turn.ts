/** Acts of which only the last matters, one at a time. */

/** @returns what does one at a time, in order; of those that wait only the last is done, and stands for the others. */
export function inTurn<T>(act: (last: T) => Promise<void>): (next: T) => Promise<void> {
  let running: Promise<void> = Promise.resolve();
  let waiting: { last: T; done: Promise<void> } | undefined;
  return (next) => {
    if (waiting !== undefined) {
      waiting.last = next;
      return waiting.done;
    }
    const turn: { last: T; done: Promise<void> } = { last: next, done: Promise.resolve() };
    turn.done = running
      .catch(() => undefined)
      .then(async () => {
        waiting = undefined;
        await act(turn.last);
      });
    waiting = turn;
    running = turn.done;
    return turn.done;
  };
}
