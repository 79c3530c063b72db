/** What keeps a cnvm from being moved while it runs, and what it would lose. Invariant: only looks; the cnvm runs on meanwhile. */
import { groupsOf } from '../tools/multicast.js';
import { readProcesses } from '../tools/process-facts.js';
import type { CnvmRecord } from './cnvm.js';
import { GHOST_LIMIT_BYTES } from './dumps.js';
import { foreignCommands } from './foreign.js';
import type { Machine } from './machine.js';
import { unmovable } from './unmovable.js';

/** @param initOf the cnvm's first process. @param processesOf all of them; both as the node numbers them. @param more obstacles. */
export function lookAhead(
  initOf: (record: CnvmRecord) => Promise<number>,
  processesOf: (name: string) => Promise<readonly number[]>,
  more: (record: CnvmRecord) => readonly string[],
): Pick<Machine, 'obstacles' | 'losses'> {
  return {
    obstacles: async (record) => [
      ...more(record),
      ...(await obstaclesOf(await initOf(record), await processesOf(record.name))),
    ],
    losses: async (record) => lossesOf(await initOf(record)),
  };
}

/** Each reason a sentence; what hangs on the node is named as that and by nothing of what it holds. */
async function obstaclesOf(init: number, pids: readonly number[]): Promise<string[]> {
  const foreign = foreignCommands(init, pids);
  const own = pids.filter((pid) => !foreign.some(({ pid: other }) => other === pid));
  const processes = await readProcesses(own);
  const reasons = unmovable({ init, processes, deletedBytesMax: GHOST_LIMIT_BYTES });
  return [...foreign.map(({ words }) => words), ...reasons];
}

/** The kernel tells of groups by their device, and not whose they are; criu does not note them. */
function lossesOf(init: number): string[] {
  return groupsOf(init).map(
    ({ address, device }) =>
      `it is in the multicast group ${address} on ${device}, and hears nothing of it after the move until its program joins again`,
  );
}
