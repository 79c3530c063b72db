/**
 * The evacuation that this node has begun and not ended. Invariant: what `get` says is durable, so that a daemon that starts
 * goes on with what the one before it left.
 */
import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { removeFileDurably, writeFileAtomic } from '../base/atomic-file.js';
import { hasErrno, messageOf, refused } from '../base/errors.js';
import type { EvacuateOrder } from './evacuation.js';

const schema = z.object({
  /** Names of peers; none: to any. */
  to: z.array(z.string()),
  parallel: z.int().positive(),
  deadlineMs: z.number().positive(),
  reason: z.string(),
  /** Who asked. */
  by: z.string(),
  /** ISO 8601: when it began. Over the life of a daemon, and of a machine, only the wall clock goes on. */
  since: z.iso.datetime(),
});

export type Intent = z.infer<typeof schema>;
export type IntentFile = ReturnType<typeof openIntent>;

/** @throws `refused` when the file there is none of ours. */
export function openIntent(node: string, file: string) {
  let now = readIntent(node, file);
  return {
    get: (): Intent | undefined => now,
    /** Afterwards the next daemon would go on with it. */
    async set(intent: Intent): Promise<void> {
      await writeFileAtomic(file, `${JSON.stringify(intent)}\n`);
      now = intent;
    },
    /** Afterwards there is nothing to go on with. */
    async clear(): Promise<void> {
      if (now === undefined) return;
      await removeFileDurably(file);
      now = undefined;
    },
  };
}

/** What is left of it to do, or undefined when its time is up. A clock that was set back gives it no more than it had. Pure. */
export function leftOf({ to, parallel, deadlineMs, reason, since }: Intent, nowMs: number): EvacuateOrder | undefined {
  const left = Math.min(deadlineMs, Date.parse(since) + deadlineMs - nowMs);
  return left > 0 ? { to, parallel, deadlineMs: left, dryRun: false, reason } : undefined;
}

function readIntent(node: string, file: string): Intent | undefined {
  try {
    return schema.parse(JSON.parse(readFileSync(file, 'utf8')));
  } catch (error) {
    if (hasErrno(error, 'ENOENT')) return undefined;
    throw refused('invalid', `${file} does not say how ${node} is being emptied: ${messageOf(error)}`, {
      remedy: `Remove it (rm ${file}), and ask for the evacuation again when the daemon runs`,
      cause: error,
    });
  }
}
