/**
 * Places at which a daemon can be stopped, for tests that break something exactly then. Invariant: nothing is changed and
 * nothing waits but where a test has put a gate, and each gate stops one daemon once.
 */
import { existsSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { hasErrno } from './base/errors.js';
import type { Journal } from './migration/journal.js';

const POLL_MS = 10;

/**
 * A gate is a file `journal-STATE-before` or `journal-STATE-after` in `directory`. The first write of that state renames
 * it to `....reached`, and goes on when that is gone: before it has touched the disk, or durable and not yet known.
 */
export function gateJournal(journal: Journal, directory: string): Journal {
  return {
    ...journal,
    async write(entry) {
      await pass(join(directory, `journal-${entry.state}-before`));
      await journal.write(entry);
      await pass(join(directory, `journal-${entry.state}-after`));
    },
  };
}

async function pass(gate: string): Promise<void> {
  const reached = `${gate}.reached`;
  try {
    renameSync(gate, reached);
  } catch (error) {
    if (hasErrno(error, 'ENOENT')) return;
    throw error;
  }
  while (existsSync(reached)) await sleep(POLL_MS);
}
