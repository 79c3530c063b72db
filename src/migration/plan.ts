/** What a migration from here would do, by the target's own word. Invariant: nothing changes at either end. */
import { randomUUID } from 'node:crypto';
import type { CnvmRecord } from '../cnvms/cnvm.js';
import type { Aims } from './convergence.js';
import { expectedCost, type Surroundings, type Target } from './departure.js';
import type { Compress, Mode, Plan } from './migration.js';
import { offer } from './offer.js';
import { CALL_MS } from './source-run.js';

export interface PlanOrder {
  readonly record: CnvmRecord;
  readonly mode: Mode;
  readonly target: Target;
  /** Undefined: the target's first landing zone. */
  readonly landing: string | undefined;
  readonly compress: Compress;
  /** Run it at the target before its memory is there. */
  readonly postCopy: boolean;
  /** This node is being evacuated. */
  readonly evacuation: boolean;
  readonly aims: Aims;
}

/** @throws when the target does not answer. */
export async function planOf({ ports, history }: Omit<Surroundings, 'bulk'>, order: PlanOrder): Promise<Plan> {
  const { record, mode, target, landing, compress, postCopy, evacuation, aims } = order;
  const usage = await ports.machine.usage(record);
  const hot = mode === 'hot';
  const memoryBytes = hot ? usage.memoryBytes : 0;
  const cost = expectedCost(history, target.name, postCopy ? 0 : memoryBytes);
  const ways = { mode, landing, compress, postCopy, evacuation, aims };
  const layers = ports.images.layersOf(record.image.digest);
  const offered = { migration: randomUUID(), record, memoryBytes, ...ways, cost, layers, dryRun: true };
  const call = { timeoutMs: CALL_MS };
  const agreed = await offer(target, { ...offered, diskBytes: usage.diskBytes }, await ports.facts(), call);
  return {
    ...{ name: record.name, source: ports.node, target: target.name, landing: agreed.landing, mode, ...usage },
    refusals: [...(hot ? await ports.machine.obstacles(record) : []), ...agreed.refusals],
    warnings: [...(hot ? await ports.machine.losses(record) : []), ...agreed.warnings],
    memoryMode: agreed.memoryMode,
    expectedDowntimeMs: agreed.expected.downtimeMs,
    maxDowntimeMs: hot ? aims.maxDowntimeMs : 0,
  };
}
