/** A target's words in the journal. */
import type { TargetState } from './journal.js';
import type { TargetRun } from './receive.js';

/** Durable before the act that it announces. */
export async function note(run: TargetRun, state: TargetState, epoch: number, error = ''): Promise<void> {
  run.report.know({ epoch });
  const settled = state === 'returned' || state === 'cancelled';
  const { migration } = run.report;
  await run.ports.journal.write({ ...entry(run, state), migration: { ...migration, error }, settled });
}

export function entry(run: TargetRun, state: TargetState) {
  const { record, report, source } = run;
  return {
    version: 1,
    role: 'target',
    state,
    migration: report.migration,
    record,
    peer: source.name,
    settled: false,
  } as const;
}
