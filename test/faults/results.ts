/** What came of each case, as one table at the end. */
import { type Case, titleOf } from './cases.js';

interface Result {
  readonly one: Case;
  readonly said: string;
  readonly ms: number;
}

export function collectResults() {
  const results: Result[] = [];
  return {
    /** Plays, and keeps what came of it. @throws what it throws. */
    async of(one: Case, play: () => Promise<string>): Promise<void> {
      const from = performance.now();
      let said = 'FAILED';
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
    failed: (): string[] => results.filter(({ said }) => said === 'FAILED').map(({ one }) => titleOf(one)),
  };
}
