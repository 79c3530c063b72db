/** What the figures of a simulation must not show: traffic that grows with the mesh, false deaths, lost or doubled cnvms. Pure. */
import type { Figures } from './scenarios.js';

/** Times what a node of the smallest mesh sends: while nothing happens, numbers of buckets grow a little. */
const QUIET_TIMES_MAX = 2;

/** Each size at which it is not flat, in words. */
export function notFlat(figures: readonly Figures[]): string[] {
  const [least] = [...figures].sort((one, other) => one.nodes - other.nodes);
  if (least === undefined) return [];
  return figures
    .filter(({ quietBytes }) => quietBytes > QUIET_TIMES_MAX * least.quietBytes)
    .map(
      ({ nodes, quietBytes }) =>
        `a node of ${nodes} sends ${Math.round(quietBytes)} B/s, of ${least.nodes} only ${Math.round(least.quietBytes)}`,
    );
}

/** All that must not be in the figures of a simulation, in words. */
export function faultsOf(figures: readonly Figures[]): string[] {
  return [
    ...notFlat(figures),
    ...figures.filter(({ falseDeaths }) => falseDeaths > 0).map(({ nodes }) => `false deaths among ${nodes}`),
    ...figures.flatMap(({ nodes, wrongOwners }) => wrongOwners.map((wrong) => `among ${nodes}: ${wrong}`)),
  ];
}
