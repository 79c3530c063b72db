/** A hand-over whose target does not say what came of it, and how a person is told of it. Pure. */
import type { Migration } from './migration.js';
import type { HandOverResult } from './peer-port.js';

export interface Doubt {
  /** The cnvm's name. */
  readonly name: string;
  readonly migration: string;
  readonly target: string;
  /** ISO 8601: when the migration began. */
  readonly since: string;
  /** The epoch at which it was handed over. */
  readonly epoch: number;
  /** What is known, and what it costs to take it back by force; each a sentence. */
  readonly known: readonly string[];
}

/**
 * So far does an epoch jump that is taken by force: whatever the lost peer has done with the cnvm since, and passed on, is
 * older.
 */
const FORCE_EPOCHS = 1_000;

const MEMORY_HERE =
  'a copy that runs there may still need the memory that is frozen here, and with --force gets no more of it and ends; ' +
  'here it runs on as it was at the freeze, without its link to the network until it is stopped and started';

export function doubtOf({ id, name, target, startTime, epoch, memoryMode }: Migration, node: string): Doubt {
  const known = [
    `${target} was told to take ${name} at epoch ${epoch + 1} and has not said whether it did`,
    `what ${node} holds of ${name} is frozen, as it was at the hand-over, and ${target} is asked again and again`,
    `when ${target} answers, it is settled by itself: wait, or bring ${target} back, if you can`,
    `with --force ${name} runs on here, from where it was frozen. If ${target} runs it, there are two of them: what ` +
      `that one has done since is lost to this one, and both answer at the same address. Use it only when ${target} ` +
      'is switched off, or will never come back',
    ...(memoryMode === 'post-copy' ? [`it went by post-copy: ${MEMORY_HERE}`] : []),
  ];
  return { name, migration: id, target, since: startTime, epoch: epoch + 1, known };
}

/** What a person's word stands for, in the place of the target's. @param epoch that of the source. */
export function takenByForce(epoch: number, who: string): HandOverResult {
  return { kind: 'returned', reason: `taken back by force by ${who}`, epoch: epoch + FORCE_EPOCHS };
}
