/** An evacuation as lines for people, and its exit code. Pure. */
import {
  EvacuationEnd,
  type EvacuationEvent,
  EvacuationOutcome,
  type EvacuationResult,
  type EvacuationSummary,
} from '../gen/cnvm/v1/evacuation.js';
import { EXIT } from './exit-codes.js';
import { msText, table, wordOf } from './text.js';

/** The exit code of an evacuation, or of its plan. */
export function evacuationCode({ end, results, dryRun }: EvacuationSummary): number {
  if (end === EvacuationEnd.EMPTY) return EXIT.ok;
  if (dryRun) return EXIT.refused;
  return results.some(({ outcome }) => outcome === EvacuationOutcome.IN_DOUBT) ? EXIT.unsettled : EXIT.failed;
}

/** One event, with the ends of its lines; nothing of one that is not known here. */
export function evacuationText({ event }: EvacuationEvent): string {
  switch (event?.$case) {
    case 'started': {
      const { node, cnvms, parallel, deadlineMs, dryRun } = event.value;
      if (dryRun) return `[o] where the ${cnvms} cnvms of ${node} would go\n`;
      const limits = `${parallel} at once, for at most ${msText(deadlineMs)}`;
      return `[o] ${node} takes no new work; ${cnvms} cnvms are moved off it, ${limits}\n`;
    }
    case 'step':
      return `[o] ${event.value}\n`;
    case 'moving':
      return `[>] ${event.value.name} to ${event.value.target}\n`;
    case 'result':
      return resultText(event.value);
    case 'summary':
      return summaryText(event.value);
    default:
      return '';
  }
}

function resultText({ name, outcome, target, freezeMs, totalMs, reasons }: EvacuationResult): string {
  const why = reasons.join('; ');
  switch (outcome) {
    case EvacuationOutcome.MOVED: {
      const frozen = freezeMs === 0 ? '' : `: frozen ${msText(freezeMs)}, ${msText(totalMs)} in all`;
      return `[o] ${name} is on ${target}${frozen}\n`;
    }
    case EvacuationOutcome.WOULD_MOVE:
      return `[o] ${name} would go to ${target}\n`;
    case EvacuationOutcome.GONE:
      return `[o] ${name} is not here any more\n`;
    case EvacuationOutcome.IN_DOUBT:
      return `[x] ${name} is in doubt: ${target} has not said whether it took it\n`;
    default:
      return `[x] ${name} stays: ${why}\n`;
  }
}

function summaryText({ node, end, results, totalMs, dryRun }: EvacuationSummary): string {
  const left = results.filter(({ outcome }) =>
    ([EvacuationOutcome.STAYED, EvacuationOutcome.IN_DOUBT] as EvacuationOutcome[]).includes(outcome),
  );
  if (dryRun) return `${left.length === 0 ? 'all would go' : `${left.length} would stay`}; nothing has changed\n`;
  const open = `it takes new work again after: cnvm uncordon ${node}`;
  if (left.length === 0) return `${node} is empty after ${msText(totalMs)}; ${open}\n`;
  const ends: Readonly<Record<string, string>> = {
    [EvacuationEnd.DEADLINE]: 'time was up',
    [EvacuationEnd.STOPPED]: 'it was ended',
  };
  const rows = left.map(({ name, outcome, reasons }) => [
    name,
    wordOf(outcome, 'EVACUATION_OUTCOME_'),
    reasons.join('; '),
  ]);
  const head = `${node} is not empty: ${left.length} of ${results.length} stayed${ends[end] === undefined ? '' : `, as ${ends[end]}`}`;
  return `${head}; ${open}\n${table(['CNVM', '', 'WHY'], rows)}`;
}
