/** Ways round a mesh. Pure. Invariant: each begins at the first node, and no hop ends where it began. */

const nodeOf = (index: number): string => `node${index + 1}`;

/** Once round and back. */
export function roundTrip(nodes: number): string[] {
  return [...Array.from({ length: nodes }, (_, index) => nodeOf(index)), nodeOf(0)];
}

/** So many hops that the `nodes * (nodes - 1)` ways between any two, each way, are all taken before one is taken again. */
export function worldTour(nodes: number, hops: number): string[] {
  const untaken = new Map<number, number[]>();
  const othersOf = (here: number) => Array.from({ length: nodes - 1 }, (_, step) => (here + nodes - 1 - step) % nodes);
  const route = [0];
  // An Eulerian circuit, by Hierholzer's way: the complete graph has as many ways in as out at every node.
  const circuit: number[] = [];
  const open = [0];
  while (open.length > 0) {
    const here = open.at(-1) ?? 0;
    const left = untaken.get(here) ?? othersOf(here);
    untaken.set(here, left);
    const next = left.shift();
    if (next === undefined) circuit.unshift(open.pop() ?? 0);
    else open.push(next);
  }
  for (let hop = 0; hop < hops; hop += 1) route.push(circuit[1 + (hop % (circuit.length - 1))] ?? 0);
  return route.map(nodeOf);
}
