/**
 * Post-copy, told by its source: the cnvm runs at the target, and its memory, still here in the frozen copy, follows. The
 * mirror is `postcopy-target.ts`. Invariant: until the target has said that all is there, or that it has ended, the frozen
 * copy stays as it was at the freeze, and whoever is this node's daemon serves it.
 */
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { CnvmError, messageOf } from '../base/errors.js';
import { layoutOf } from './page-words.js';
import { afterPages } from './protocol.js';
import { CALL_MS, type SourceRun } from './source-run.js';

const ASK_EVERY_MS = 500;
/** Without a page asked for, people are told so. */
const STALL_MS = 3_000;
/** As long as without an answer to the hand-over. */
const DOUBT_AFTER_MS = 30_000;

/** Afterwards the target may ask for the memory of the frozen copy. What is thawed later is not read any more. */
export async function offerMemory(run: SourceRun): Promise<void> {
  const { ports, record, outgoing, undo } = run;
  const { criuVersion } = await ports.facts();
  outgoing.giveMemory(await ports.machine.openMemory(record), layoutOf(criuVersion));
  undo.add('memory', () => outgoing.takeMemory());
}

/** The same of a daemon that finds the hand-over in its journal. A copy that is gone is answered for with a no. */
export async function offerMemoryAgain(run: SourceRun): Promise<void> {
  try {
    await offerMemory(run);
  } catch (error) {
    run.ports.log.error({ error }, 'the frozen copy, whose memory the target may need, is not here any more');
    run.outgoing.refuseMemory();
  }
}

/** Afterwards all of its memory is at the target, or it has ended there. @returns which. @throws `in-doubt` on silence. */
export async function bringMemory(
  run: SourceRun,
): Promise<{ readonly word: 'complete' | 'lost'; readonly reason: string }> {
  const { report, target, record, signal } = run;
  const { id, memoryBytes } = report.migration;
  report.phase('postcopy', memoryBytes);
  report.step(`it runs on ${target.name}; the rest of its memory follows`);
  let heardMs = performance.now();
  let stalled = false;
  for (;;) {
    const answer = await target.link.query(id, { timeoutMs: CALL_MS }).catch((error: unknown) => messageOf(error));
    if (typeof answer !== 'string') {
      const word = afterPages(answer);
      if (word !== undefined) return { word, reason: answer.reason };
      heardMs = performance.now();
    }
    const { silentMs } = report.pulse();
    if (silentMs > STALL_MS !== stalled) {
      stalled = !stalled;
      report.step(
        stalled ? `${target.name} has asked for no memory for ${STALL_MS / 1000} s` : 'its memory flows again',
      );
    }
    if (signal.aborted) throw unfinished(`the daemon of ${run.ports.node} ends`, record.name, target.name);
    const quietMs = Math.min(performance.now() - heardMs, silentMs);
    if (quietMs > DOUBT_AFTER_MS) throw unfinished(`${answer}`, record.name, target.name);
    await sleep(ASK_EVERY_MS);
  }
}

function unfinished(why: string, name: string, target: string): CnvmError {
  return new CnvmError('in-doubt', `${name} runs on ${target}, which may still need its memory: ${why}`, {
    location: target,
    remedy: `The frozen copy is kept, and serves its memory as soon as ${target} asks for it. Mend the link.`,
  });
}

/** What is told when it did not all come. */
export function lost(name: string, target: string, reason: string): CnvmError {
  return new CnvmError(
    'stranded',
    `${name} is lost: its memory was on two machines${reason === '' ? '' : `; ${reason}`}`,
    {
      location: target,
      remedy: `Its disk is whole on ${target}: cnvm start ${name}, there.`,
    },
  );
}
