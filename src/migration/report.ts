/**
 * What a migration tells those who watch it. Invariant: events are kept from the first to the last, so who comes late
 * sees the latest state at once, and nobody who watches slowly holds the migration up.
 */
import { performance } from 'node:perf_hooks';
import type { RefusalKind } from '../base/errors.js';
import { PAGE_BYTES } from '../base/figures.js';
import type { FreezePart, MemoryRound, Migration, MigrationEvent, Outcome, Phase, Plan } from './migration.js';

/** Often enough for a display that moves, seldom enough to cost nothing. */
const PROGRESS_EVERY_MS = 200;

/** What is known of a round before it begins. */
export interface RoundBegins {
  readonly number: number;
  /** 0 when it is not known. */
  readonly bytesTotal: number;
  readonly dirtyBytesPerSecond: number;
}

type Known =
  | 'landing'
  | 'memoryBytes'
  | 'diskBytes'
  | 'freezeMs'
  | 'epoch'
  | 'location'
  | 'memoryMode'
  | 'maxDowntimeMs'
  | 'expectedDowntimeMs';

export type Report = ReturnType<typeof createReport>;

/** Whether it moves. */
export interface Pulse {
  readonly phase: Phase;
  /** Since the phase began. */
  readonly phaseMs: number;
  /** Since the last byte, or since the phase began. */
  readonly silentMs: number;
}

/** @param onEvent told of every event, in order. */
export function createReport(start: Migration, onEvent: (event: MigrationEvent) => void) {
  const began = performance.now();
  let migration = start;
  let phaseBegan = began;
  let movedAt = began;
  let bytesDone = 0;
  let bytesTotal = 0;
  let lastBytes = 0;
  let lastTick = began;
  let round: RoundBegins | undefined;

  function progress(): void {
    const now = performance.now();
    const seconds = Math.max((now - lastTick) / 1000, 0.001);
    const bytesPerSecond = Math.round((bytesDone - lastBytes) / seconds);
    lastBytes = bytesDone;
    lastTick = now;
    const { phase, expectedDowntimeMs } = migration;
    const left = bytesPerSecond === 0 ? 0 : Math.max(0, bytesTotal - bytesDone) / bytesPerSecond;
    onEvent({
      kind: 'progress',
      progress: {
        phase,
        bytesDone,
        bytesTotal: Math.max(bytesTotal, bytesDone),
        bytesPerSecond,
        phaseMs: Math.round(now - phaseBegan),
        round: round?.number ?? 0,
        pagesDone: round === undefined ? 0 : Math.floor(bytesDone / PAGE_BYTES),
        dirtyBytesPerSecond: Math.round(round?.dirtyBytesPerSecond ?? 0),
        expectedDowntimeMs,
        leftMs: Math.round(left * 1000),
      },
    });
  }
  const timer = setInterval(progress, PROGRESS_EVERY_MS);
  timer.unref();

  function begin(total: number): void {
    bytesDone = 0;
    lastBytes = 0;
    bytesTotal = total;
    movedAt = performance.now();
    progress();
  }

  function closePhase(): void {
    const now = performance.now();
    migration = { ...migration, phases: [...migration.phases, { phase: migration.phase, ms: now - phaseBegan }] };
    phaseBegan = now;
  }

  return {
    get migration(): Migration {
      return migration;
    },
    /** The next phase begins; it is expected to move `total` bytes, 0 when that is not known. */
    phase(phase: Phase, total = 0): void {
      if (phase !== migration.phase) closePhase();
      migration = { ...migration, phase };
      round = undefined;
      begin(total);
    },
    /** A round of memory begins, in the phase that it is. */
    round(begins: RoundBegins): void {
      round = begins;
      begin(begins.bytesTotal);
    },
    /** A round was whole. */
    memoryRound(whole: MemoryRound): void {
      migration = { ...migration, memoryRounds: [...migration.memoryRounds, whole] };
    },
    bytes(count: number): void {
      bytesDone += count;
      movedAt = performance.now();
    },
    pulse(): Pulse {
      const now = performance.now();
      return { phase: migration.phase, phaseMs: now - phaseBegan, silentMs: now - movedAt };
    },
    step(text: string): void {
      onEvent({ kind: 'step', text });
    },
    /** Facts that have become known. */
    know(facts: Partial<Pick<Migration, Known>>): void {
      migration = { ...migration, ...facts };
    },
    parts(parts: readonly FreezePart[]): void {
      migration = { ...migration, freezeParts: [...migration.freezeParts, ...parts] };
    },
    /** Times one part of the freeze. */
    async part<T>(name: string, act: () => Promise<T>): Promise<T> {
      const from = performance.now();
      const result = await act();
      migration = { ...migration, freezeParts: [...migration.freezeParts, { name, ms: performance.now() - from }] };
      return result;
    },
    plan(plan: Plan): void {
      clearInterval(timer);
      onEvent({ kind: 'plan', plan });
    },
    /** The last word. */
    end(outcome: Exclude<Outcome, 'running'>, location: string, error = '', refusal?: RefusalKind): Migration {
      clearInterval(timer);
      closePhase();
      const totalMs = performance.now() - began;
      migration = { ...migration, outcome, location, error, endTime: new Date().toISOString(), totalMs };
      onEvent({ kind: 'ended', migration, refusal });
      return migration;
    },
  };
}
