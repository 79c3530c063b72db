/** A member's claims, which change step by step. Invariant: whoever has heard of every step up to a revision has the same. Pure. */
import type { Holding } from '../directory.js';
import type { ClaimsWord } from './words.js';

export type ClaimMap = Map<string, Holding>;

/** What changed from one list to the next, or undefined when nothing did. */
export function claimsChange(
  before: ReadonlyMap<string, Holding>,
  now: readonly Holding[],
): Pick<ClaimsWord, 'changed' | 'removed'> | undefined {
  const changed = now.filter((holding) => !same(before.get(holding.name), holding));
  const names = new Set(now.map(({ name }) => name));
  const removed = [...before.keys()].filter((name) => !names.has(name));
  return changed.length + removed.length === 0 ? undefined : { changed, removed };
}

function same(one: Holding | undefined, other: Holding): boolean {
  return (
    one !== undefined &&
    one.epoch === other.epoch &&
    one.state === other.state &&
    one.address === other.address &&
    one.image === other.image
  );
}

/** Whether the change can be made on what is held at a revision: it must say all that has changed since. */
export function fits(word: Pick<ClaimsWord, 'base' | 'revision'>, held: number): boolean {
  return word.base <= held && held < word.revision;
}

/** Changes the map in place; harmless when some of it was known. From nothing on it is all that there is. */
export function applyClaims(
  claims: ClaimMap,
  { base, changed, removed }: Pick<ClaimsWord, 'base' | 'changed' | 'removed'>,
): void {
  if (base === 0) claims.clear();
  for (const name of removed) claims.delete(name);
  for (const holding of changed) claims.set(holding.name, holding);
}

/** More is not told step by step: who lacks it compares everything. */
const MERGED_MAX = 64;

/** Two changes as one, where the later one goes on from the earlier one; else, or when it would be long, the later one. */
export function mergeClaims(earlier: ClaimsWord, later: ClaimsWord): ClaimsWord {
  const goesOn = later.base > 0 && later.base >= earlier.base && later.base <= earlier.revision;
  if (!goesOn) return later;
  const changed = new Map(earlier.changed.map((holding) => [holding.name, holding]));
  const removed = new Set(earlier.removed);
  for (const name of later.removed) {
    changed.delete(name);
    removed.add(name);
  }
  for (const holding of later.changed) {
    changed.set(holding.name, holding);
    removed.delete(holding.name);
  }
  if (changed.size + removed.size > MERGED_MAX) return later;
  return { ...later, base: earlier.base, changed: [...changed.values()], removed: [...removed] };
}
