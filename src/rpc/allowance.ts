/** How often something may be done. Invariant: in any time of that length it is done so often at the most. */

/** @returns whether it may be done now; if so, it counts. */
export function createAllowance(times: number, withinMs: number): () => boolean {
  let done: number[] = [];
  return () => {
    const now = performance.now();
    done = done.filter((atMs) => now - atMs < withinMs);
    if (done.length >= times) return false;
    done.push(now);
    return true;
  };
}
