/**
 * How hard the tests with random input try. Every day they try the same input, so that what fails was broken by the
 * change; `CNVM_FUZZ=100` multiplies their runs and their time, and tries another input each time; `CNVM_FUZZ_SEED`, with the
 * seed that a failure has printed, repeats it.
 */
import fc, { type Parameters } from 'fast-check';

const TIMES = Number(process.env['CNVM_FUZZ'] ?? 1);
const EVERYDAY_SEED = 2015;
const SEED = process.env['CNVM_FUZZ_SEED'] ?? (process.env['CNVM_FUZZ'] === undefined ? EVERYDAY_SEED : undefined);
/** What `within` takes at the most, but for the run that is under way then. */
const BUDGET_MS = 4_000;
/** A run that takes longer fails, and prints its seed. */
const HANG_MS = 20_000;

/** Set it as the timeout of a test that uses `runs`: who is cut off by the runner does not print the seed. */
export const FUZZ_TIMEOUT_MS = BUDGET_MS * TIMES + 2 * HANG_MS;

/** @param count of runs in everyday use. */
export function runs<T>(count: number): Parameters<T> {
  return {
    numRuns: count * TIMES,
    timeout: HANG_MS,
    ...(SEED === undefined ? {} : { seed: Number(SEED) }),
  };
}

/** `act`, until the time of a test is used up: on a slow machine fewer runs do anything. */
export function within<A extends unknown[]>(act: (...input: A) => Promise<void>): (...input: A) => Promise<void> {
  const until = Date.now() + BUDGET_MS * TIMES;
  return async (...input) => {
    if (Date.now() < until) await act(...input);
  };
}

/** What a field may hold that should hold something else; undefined takes it away. */
export const odd: fc.Arbitrary<unknown> = fc.oneof(
  fc.constantFrom<unknown>(undefined, null, true, '', '..', -1, 0.5, 2 ** 53, 1e308, [], {}),
  fc.string({ unit: 'binary' }),
  fc.bigInt().map(String),
  fc.array(fc.constantFrom<unknown>(1, null, true, {}), { minLength: 1 }),
);

/** The path to every value in `value`, those of objects and arrays too. */
export function pathsIn(value: object, above: readonly string[] = []): string[][] {
  return Object.entries(value).flatMap(([key, inner]) => {
    const path = [...above, key];
    return [path, ...(typeof inner === 'object' && inner !== null ? pathsIn(inner as object, path) : [])];
  });
}

/** Puts `value` at the path. @returns what was there. */
export function replaceAt(target: object, path: readonly string[], value: unknown): unknown {
  const [first = '', ...rest] = path;
  const level = target as Record<string, unknown>;
  if (rest.length > 0) return replaceAt(level[first] as object, rest, value);
  const before = level[first];
  if (value === undefined) delete level[first];
  else level[first] = value;
  return before;
}

/** Whether one may stand where the other does: both words, both counts, both lists of nothing. */
export function sameKind(one: unknown, other: unknown): boolean {
  if (typeof one === 'number' && typeof other === 'number') return other >= 0;
  if (Array.isArray(one) && Array.isArray(other)) return other.length === 0;
  return typeof one === typeof other && typeof one !== 'object';
}
