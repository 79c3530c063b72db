/**
 * The one who sees every fake host at once. Invariant: what it has seen it does not forget, so that a second running copy
 * is found however short it lived.
 */
import type { CnvmRecord } from '../../src/cnvms/cnvm.js';

export type Witness = ReturnType<typeof createWitness>;

export function createWitness() {
  const running = new Map<string, Set<string>>();
  const seen: string[] = [];
  // Two that were made apart may share a name; one that travels keeps the time at which it was made.
  const keyOf = ({ name, createTime }: CnvmRecord) => `${name} of ${createTime}`;

  return {
    /** Its processes run on `node` from now on. */
    runs(record: CnvmRecord, node: string): void {
      const nodes = running.get(keyOf(record)) ?? new Set();
      nodes.add(node);
      running.set(keyOf(record), nodes);
      if (nodes.size > 1) seen.push(`${keyOf(record)} ran on ${[...nodes].sort().join(' and ')} at once`);
    },
    /** They do not: frozen or gone. */
    rests(record: CnvmRecord, node: string): void {
      running.get(keyOf(record))?.delete(node);
    },
    /** Every moment at which two copies ran. */
    seen: (): readonly string[] => seen,
  };
}
