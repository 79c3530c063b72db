/** What keeps a cnvm from being moved while it runs. Invariant: only looks; the cnvm runs on meanwhile. */
import { readProcesses } from '../tools/process-facts.js';
import { GHOST_LIMIT_BYTES } from './dumps.js';
import { foreignCommands } from './foreign.js';
import { unmovable } from './unmovable.js';

/**
 * Each reason a sentence; what hangs on the node is named as that and by nothing of what it holds.
 * @param init @param pids as the node numbers them.
 */
export async function obstaclesOf(init: number, pids: readonly number[]): Promise<string[]> {
  const foreign = foreignCommands(init, pids);
  const own = pids.filter((pid) => !foreign.some(({ pid: other }) => other === pid));
  const processes = await readProcesses(own);
  const reasons = unmovable({ init, processes, deletedBytesMax: GHOST_LIMIT_BYTES });
  return [...foreign.map(({ words }) => words), ...reasons];
}
