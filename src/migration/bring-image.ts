/**
 * A cnvm's image, brought to a target that lacks it, before anything of the cnvm is. Invariant: nothing of the migration
 * hangs on it; what has come stays there, and another try goes on from it.
 */
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { CnvmError, refused } from '../base/errors.js';
import type { LayerSize } from '../images/image.js';
import type { SourceRun } from './source-run.js';

/** A link that is cut for so long is given up. */
const PATIENCE_MS = 30_000;
const AGAIN_MS = 500;

/** Afterwards the target has it. @throws `refused` when it cannot: the cnvm runs on here. */
export async function bringImage(run: SourceRun, layers: readonly LayerSize[]): Promise<void> {
  const { target, record, signal, report } = run;
  const { name, digest } = record.image;
  const bytes = layers.reduce((sum, layer) => sum + layer.bytes, 0);
  report.step(`${target.name} lacks the image ${name}: it is brought there first`);
  let movedMs = performance.now();
  for (;;) {
    try {
      let step = '';
      let told = 0;
      for await (const progress of target.link.takeImage({ digest, name, layers }, signal)) {
        // Fetched, and then unpacked: each goes over all of it.
        if (progress.step !== step) report.phase('negotiate', progress.bytesTotal || bytes);
        if (progress.step !== step) told = 0;
        ({ step } = progress);
        report.bytes(Math.max(0, progress.bytesDone - told));
        told = Math.max(told, progress.bytesDone);
        movedMs = performance.now();
      }
      return report.step(`${target.name} has the image ${name}`);
    } catch (error) {
      signal.throwIfAborted();
      const broken = error instanceof CnvmError && error.kind === 'unavailable' && error.code === 'refused';
      if (!broken || performance.now() - movedMs > PATIENCE_MS) throw cannotTake(error, target.name, name);
      await sleep(AGAIN_MS, undefined, { signal });
    }
  }
}

function cannotTake(error: unknown, target: string, image: string): CnvmError {
  const words = error instanceof Error ? error.message : String(error);
  return refused('state', `${target} cannot take the image ${image}: ${words}`, { cause: error });
}
