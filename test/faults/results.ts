/** What came of each case: a line for each, and a table of counts for the docs. */
import { type Case, titleOf } from './cases.js';

interface Result {
  readonly one: Case;
  readonly said: string;
  readonly ms: number;
}

const FAILED = 'FAILED';

export function collectResults() {
  const results: Result[] = [];
  return {
    /** Plays, and keeps what came of it. @throws what it throws. */
    async of(one: Case, play: () => Promise<string>): Promise<void> {
      const from = performance.now();
      let said = FAILED;
      try {
        said = await play();
      } finally {
        results.push({ one, said, ms: performance.now() - from });
      }
    },
    /** A line a case: the fault, the moment, the promised owner, what the order said, how long it took. */
    table(): string {
      const lines = results.map(({ one, said, ms }) => {
        const cells = [one.fault.padEnd(34), one.moment.padEnd(26), one.owner.padEnd(8), said.padEnd(12)];
        return `    ${cells.join('')}${Math.round(ms).toString().padStart(7)} ms`;
      });
      return ['    fault                             moment                    owner   said', ...lines].join('\n');
    },
    counts: (): string => countTable(results),
    failed: (): string[] => results.filter(({ said }) => said === FAILED).map(({ one }) => titleOf(one)),
  };
}

/** In Markdown, a row a fault. */
function countTable(results: readonly Result[]): string {
  const faults = [...new Set(results.map(({ one }) => one.fault))];
  const all = faults.map((fault) =>
    rowOf(
      fault,
      results.filter(({ one }) => one.fault === fault),
    ),
  );
  const head = '| fault | cases | ended at the source | ended at the target | failed | seconds a case |';
  return [head, '|---|--:|--:|--:|--:|--:|', ...all, rowOf('all', results)].join('\n');
}

function rowOf(title: string, results: readonly Result[]): string {
  const good = results.filter(({ said }) => said !== FAILED);
  const at = (owner: Case['owner']) => good.filter(({ one }) => one.owner === owner).length;
  const seconds = results.map(({ ms }) => Math.round(ms / 1000));
  const range = `${Math.min(...seconds)}-${Math.max(...seconds)}`;
  return `| ${[title, results.length, at('source'), at('target'), results.length - good.length, range].join(' | ')} |`;
}
