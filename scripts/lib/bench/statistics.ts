/** The benchmark's statistics, pure. Invariant: figures are never smoothed or dropped; every percentile is one of them. */

export interface Spread {
  readonly median: number;
  readonly min: number;
  /** With fewer than ten figures the same as `max`. */
  readonly p90: number;
  /** With fewer than a hundred figures the same as `max`. */
  readonly p99: number;
  readonly max: number;
}

/** The middle figure, or the mean of the two middle ones. @throws when there are none. */
export function median(figures: readonly number[]): number {
  const sorted = sort(figures);
  const upper = sorted.length >> 1;
  const lower = sorted.length % 2 === 0 ? upper - 1 : upper;
  return (at(sorted, lower) + at(sorted, upper)) / 2;
}

/** The least figure that `percent` of all figures do not exceed (nearest rank). @throws when there are none. */
export function percentile(figures: readonly number[], percent: number): number {
  const rank = Math.ceil((percent / 100) * figures.length);
  return at(sort(figures), Math.max(rank, 1) - 1);
}

/** @throws when there are no figures. */
export function spreadOf(figures: readonly number[]): Spread {
  return {
    median: median(figures),
    min: percentile(figures, 0),
    p90: percentile(figures, 90),
    p99: percentile(figures, 99),
    max: percentile(figures, 100),
  };
}

/** How many times the median of `others` that of `ours` is. @throws when either is empty. */
export function ratioOfMedians(ours: readonly number[], others: readonly number[]): number {
  return median(ours) / median(others);
}

/** The sums of what belongs together. @throws when the lengths differ. */
export function sums(first: readonly number[], second: readonly number[]): number[] {
  if (first.length !== second.length) throw new RangeError(`${first.length} figures, and ${second.length} to add`);
  return first.map((figure, index) => figure + at(second, index));
}

function sort(figures: readonly number[]): number[] {
  return [...figures].sort((a, b) => a - b);
}

function at(figures: readonly number[], index: number): number {
  const figure = figures[index];
  if (figure === undefined) throw new RangeError('there are no figures');
  return figure;
}
