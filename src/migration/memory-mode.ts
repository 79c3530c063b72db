/** How the memory of a hot cnvm is to move, and what that is expected to cost, pure. */
import { msFigure } from '../base/figures.js';
import type { NodeFacts } from '../mesh/node-facts.js';
import { type Aims, type Expectation, expectation } from './convergence.js';
import type { FreezeCost } from './freeze-cost.js';
import type { MemoryMode, Mode } from './migration.js';

/** What post-copy costs, before it is ordered: in the plan, and in the story. */
const POST_COPY_COST =
  'post-copy: once it runs at the target and until all of its memory is there, it needs both nodes. If the source or its ' +
  "frozen copy is lost, the target's daemon dies, or they cannot reach each other for 15 minutes, it ends as by a power " +
  'cut: its disk is whole, its memory is lost';

/** What the source can do and wants. Only it has to see which pages change. */
export function wantedMode(
  mode: Mode,
  postCopy: boolean,
  source: NodeFacts,
  { roundsMax }: Aims,
): MemoryMode | undefined {
  if (mode === 'cold') return undefined;
  if (postCopy) return 'post-copy';
  return source.softDirty && roundsMax > 0 ? 'pre-copy' : 'stop-copy';
}

/** What a target takes of what is wanted. @param roundsMax 0: no rounds, as an older version, which does not know of any. */
export function takenMode(wanted: MemoryMode | undefined, roundsMax: number): MemoryMode | undefined {
  return roundsMax > 0 || wanted === 'post-copy' ? wanted : undefined;
}

/** What comes of it. */
export function agreedMode(wanted: MemoryMode | undefined, taken: MemoryMode | undefined): MemoryMode | undefined {
  return wanted === taken ? wanted : wanted && 'stop-copy';
}

/** Post-copy is never replaced: who wants it does not want its memory to be moved while it is frozen. */
export function modeRefusals(wanted: MemoryMode | undefined, agreed: MemoryMode | undefined, target: string): string[] {
  if (wanted !== 'post-copy' || agreed === 'post-copy') return [];
  return [`${target} is of an older version and knows no post-copy`];
}

/** The least that its freeze is expected to cost: of rounds it is not known before how much the last one has to move. */
export function leastExpected(agreed: MemoryMode | undefined, memoryBytes: number, cost: FreezeCost): Expectation {
  if (agreed === undefined) return expectation(0, cost.bytesPerSecond, 0);
  return expectation(agreed === 'stop-copy' ? memoryBytes : 0, cost.bytesPerSecond, cost.floorMs);
}

/** What people are to know of it; each a sentence. */
export function modeWarnings(
  agreed: MemoryMode | undefined,
  names: { readonly source: NodeFacts; readonly target: string },
  expected: Expectation,
): string[] {
  if (agreed === 'post-copy') return [POST_COPY_COST];
  if (agreed !== 'stop-copy') return [];
  const why = names.source.softDirty
    ? `${names.target} takes no rounds of memory, or ${names.source.name} makes none`
    : `the kernel of ${names.source.name} does not tell which pages change`;
  return [`${why}: all of the memory moves while it is frozen, expected for ${msFigure(expected.downtimeMs)}`];
}

/** Why it is not to begin, under `strict`. */
export function strictRefusals(mode: MemoryMode | undefined, expected: Expectation, aims: Aims): string[] {
  if (mode === undefined || !aims.strict || expected.downtimeMs <= aims.maxDowntimeMs) return [];
  const memory = expected.memoryMs === 0 ? '' : `, ${msFigure(expected.memoryMs)} of it for the memory`;
  const figures = `a downtime of ${msFigure(expected.downtimeMs)} is expected${memory}`;
  return [`${figures}; not more than ${msFigure(aims.maxDowntimeMs)} is wanted`];
}
