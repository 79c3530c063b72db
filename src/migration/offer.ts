/**
 * The first phase, at the source: the target is asked whether it takes the cnvm, and both agree on how its memory moves.
 * Invariant: when the target says no, nothing has changed at either end.
 */
import { refused } from '../base/errors.js';
import type { CnvmRecord } from '../cnvms/cnvm.js';
import type { LayerSize } from '../images/image.js';
import type { NodeFacts } from '../mesh/node-facts.js';
import { bringImage } from './bring-image.js';
import type { Aims, Expectation } from './convergence.js';
import type { FreezeCost } from './freeze-cost.js';
import { agreedMode, leastExpected, modeRefusals, modeWarnings, strictRefusals, wantedMode } from './memory-mode.js';
import type { Compress, MemoryMode, Mode } from './migration.js';
import type { CallLimits, OfferAnswer, TargetLink } from './peer-port.js';
import { CALL_MS, note, type SourceRun } from './source-run.js';
import { tell } from './tell.js';

export interface OfferOrder {
  readonly migration: string;
  readonly record: CnvmRecord;
  readonly mode: Mode;
  readonly landing: string | undefined;
  readonly memoryBytes: number;
  readonly diskBytes: number;
  readonly compress: Compress;
  /** Run it at the target before its memory is there. */
  readonly postCopy: boolean;
  /** This node is being evacuated. */
  readonly evacuation: boolean;
  readonly aims: Aims;
  readonly cost: FreezeCost;
  readonly layers: readonly LayerSize[];
  readonly dryRun: boolean;
}

export interface Agreement extends Omit<OfferAnswer, 'memoryMode'> {
  readonly memoryMode: MemoryMode | undefined;
  /** The least that the freeze is expected to cost. */
  readonly expected: Expectation;
}

/** The target's answer, with what is to be said of it here. */
export async function offer(
  target: { readonly name: string; readonly link: TargetLink },
  order: OfferOrder,
  source: NodeFacts,
  call: CallLimits,
): Promise<Agreement> {
  const { record, aims, cost, compress, postCopy, ...rest } = order;
  const wanted = wantedMode(order.mode, postCopy, source, aims);
  const ways = { memoryMode: wanted, compression: compress };
  const sent = { ...rest, record: JSON.stringify(record), epoch: record.epoch, source, ...ways };
  const answer = await target.link.offer(sent, call);
  const memoryMode = agreedMode(wanted, answer.memoryMode);
  const expected = leastExpected(memoryMode, order.memoryBytes, cost);
  return {
    landing: answer.landing,
    compression: answer.compression,
    lacksImage: answer.lacksImage,
    busy: answer.busy ?? false,
    memoryMode,
    expected,
    refusals: [
      ...answer.refusals,
      ...modeRefusals(wanted, memoryMode, target.name),
      ...strictRefusals(memoryMode, expected, aims),
    ],
    warnings: [...answer.warnings, ...modeWarnings(memoryMode, { source, target: target.name }, expected)],
  };
}

/** Afterwards the target waits for it. @throws `refused` with every reason; nothing has changed then. */
export async function negotiate(run: SourceRun): Promise<void> {
  const { report, record, target, ports, undo, mode, landing, compress, postCopy, evacuation, aims, cost } = run;
  const { id, memoryBytes, diskBytes } = report.migration;
  // A daemon that comes after us must know of it, to call it off.
  await note(run, 'begun');
  const cancel = () => target.link.cancel(id, 'the source has called it off', { timeoutMs: CALL_MS });
  undo.add('offer', async () => void (await tell(cancel)));
  const ways = { mode, landing, compress, postCopy, evacuation, aims };
  const layers = ports.images.layersOf(record.image.digest);
  const order = { migration: id, record, memoryBytes, diskBytes, ...ways, cost, layers, dryRun: false };
  const call = { signal: run.signal, timeoutMs: CALL_MS };
  const ask = async () => await offer(target, order, await ports.facts(), call);
  let agreed = await ask();
  if (agreed.refusals.length === 0 && agreed.lacksImage) {
    await bringImage(run, layers);
    agreed = await ask();
    if (agreed.lacksImage) throw refused('state', `${target.name} has dropped the image again`);
  }
  if (agreed.refusals.length > 0) {
    const kind = agreed.busy ? 'unavailable' : 'state';
    throw refused(kind, agreed.refusals.join('; '), { reasons: agreed.refusals, location: ports.node });
  }
  undo.add('scratch', () => run.outgoing.close());
  run.memoryMode = agreed.memoryMode;
  const expectedDowntimeMs = agreed.expected.downtimeMs;
  const maxDowntimeMs = mode === 'hot' ? aims.maxDowntimeMs : 0;
  report.know({ landing: agreed.landing, memoryMode: agreed.memoryMode, maxDowntimeMs, expectedDowntimeMs });
  const losses = mode === 'hot' ? await ports.machine.losses(record) : [];
  for (const warning of [...losses, ...agreed.warnings]) report.step(`warning: ${warning}`);
  report.step(`${target.name} takes it in ${agreed.landing}`);
}
