/** Visits every state that a model can get into, breadth first, so that the way to a bad one is the shortest. */

export interface Model<S> {
  readonly start: S;
  /** Every step that can be taken next, with its name. */
  steps(state: S): readonly (readonly [name: string, next: S])[];
  /** What is wrong with a state, or undefined. */
  wrong(state: S): string | undefined;
  /** Whether all is said and done. */
  settled(state: S): boolean;
}

export interface Exploration {
  readonly states: number;
  readonly steps: number;
  readonly settled: number;
  /** The first rule broken and the way there; undefined when none is. */
  readonly violation: { readonly what: string; readonly path: readonly string[] } | undefined;
  /** The way to a state from which nothing leads to a settled one; undefined when there is none. */
  readonly stuck: readonly string[] | undefined;
}

interface Node<S> {
  readonly state: S;
  readonly before: number;
  readonly by: string;
}

/** @param statesMax more than that is a mistake in the model. */
export function explore<S>(model: Model<S>, statesMax: number): Exploration {
  const nodes: Node<S>[] = [{ state: model.start, before: -1, by: '' }];
  const index = new Map([[JSON.stringify(model.start), 0]]);
  const into: number[][] = [[]];
  const settled: number[] = [];
  let steps = 0;
  const pathTo = (at: number): string[] => {
    const path: string[] = [];
    for (let node = nodes[at]; node !== undefined && node.before >= 0; node = nodes[node.before]) path.unshift(node.by);
    return path;
  };
  const found = (more: Partial<Exploration>): Exploration => ({
    states: nodes.length,
    steps,
    settled: settled.length,
    violation: undefined,
    stuck: undefined,
    ...more,
  });
  for (let at = 0; at < nodes.length; at += 1) {
    const { state } = nodes[at] as Node<S>;
    const what = model.wrong(state);
    if (what !== undefined) return found({ violation: { what, path: pathTo(at) } });
    if (model.settled(state)) settled.push(at);
    for (const [by, next] of model.steps(state)) {
      steps += 1;
      const key = JSON.stringify(next);
      let to = index.get(key);
      if (to === undefined) {
        to = nodes.length;
        if (to >= statesMax) throw new Error(`more than ${statesMax} states`);
        index.set(key, to);
        nodes.push({ state: next, before: at, by });
        into.push([]);
      }
      into[to]?.push(at);
    }
  }
  const stuck = firstUnable(nodes.length, into, settled);
  return found({ stuck: stuck === undefined ? undefined : pathTo(stuck) });
}

/** The first state from which no settled one can be reached. */
function firstUnable(
  count: number,
  into: readonly (readonly number[])[],
  settled: readonly number[],
): number | undefined {
  const able = new Uint8Array(count);
  const queue = [...settled];
  for (const at of queue) able[at] = 1;
  for (let at = queue.pop(); at !== undefined; at = queue.pop()) {
    for (const before of into[at] ?? []) {
      if (able[before] === 1) continue;
      able[before] = 1;
      queue.push(before);
    }
  }
  const first = able.indexOf(0);
  return first === -1 ? undefined : first;
}
