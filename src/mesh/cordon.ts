/**
 * Whether this node takes new work. Invariant: what `get` says is durable, so that a node that was being emptied when its
 * daemon died does not fill up again.
 */
import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { removeFileDurably, writeFileAtomic } from '../base/atomic-file.js';
import { type CnvmError, hasErrno, messageOf, refused } from '../base/errors.js';
import { createOneByOne } from '../base/one-by-one.js';

const schema = z.object({
  /** Why, in words. */
  reason: z.string(),
  /** Who wanted it. */
  by: z.string(),
  /** ISO 8601. */
  since: z.iso.datetime(),
});

export type Cordoned = z.infer<typeof schema>;
export type Cordon = ReturnType<typeof openCordon>;

/** @param changed told after each change. @throws `refused` when the file there is none of ours. */
export function openCordon(node: string, file: string, changed: () => void = () => undefined) {
  let now = readCordon(file);
  /** Who sets it while it is being lifted finds it lifted, and sets it. */
  const oneByOne = createOneByOne();

  return {
    /** Undefined while it takes new work. */
    get: (): Cordoned | undefined => now,
    /** In words; empty while it takes new work. */
    words: (): string => (now === undefined ? '' : `${now.reason} (by ${now.by}, since ${now.since})`),
    /** @throws `refused` while it takes none. */
    demandOpen(): void {
      if (now !== undefined) throw cordonedError(node, now);
    },
    /** Why an offer is refused; none while it takes new work. */
    refusals: (): string[] => (now === undefined ? [] : [cordonedError(node, now).message]),
    /**
     * Afterwards it takes no new work. An older cordon stays as it is, unless the node had set it for itself: then whoever comes
     * now may lift it, and nobody else. @returns the one that stands.
     */
    set: (reason: string, by: string): Promise<Cordoned> =>
      oneByOne(file, async () => {
        if (now !== undefined && (now.by !== itselfOf(node) || by === now.by)) return now;
        const next = { reason, by, since: new Date().toISOString() };
        await writeFileAtomic(file, `${JSON.stringify(next)}\n`);
        now = next;
        changed();
        return next;
      }),
    /** Afterwards it takes new work. @returns whether it did not. */
    lift: (): Promise<boolean> =>
      oneByOne(file, async () => {
        if (now === undefined) return false;
        await removeFileDurably(file);
        now = undefined;
        changed();
        return true;
      }),
  };
}

/** As what a node does something for its own sake. No person and no peer has such a name: theirs have a role behind them. */
export function itselfOf(node: string): string {
  return `${node} itself`;
}

export function cordonedError(node: string, { reason }: Pick<Cordoned, 'reason'>): CnvmError {
  return refused('state', `${node} is cordoned: ${reason}`, {
    remedy: `Ask another node, or end it with: cnvm uncordon ${node}`,
  });
}

function readCordon(file: string): Cordoned | undefined {
  try {
    return schema.parse(JSON.parse(readFileSync(file, 'utf8')));
  } catch (error) {
    if (hasErrno(error, 'ENOENT')) return undefined;
    throw refused('invalid', `${file} does not say why this node is cordoned: ${messageOf(error)}`, {
      remedy: `If it may take new work: rm ${file}`,
      cause: error,
    });
  }
}
