/**
 * The moments of a migration at which something can be broken. Invariant: while a gate is reached whoever came to it
 * stands still, and all that is done happens at that moment.
 */
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { eventually, lab } from '../host/support.js';
import { GATES_DIR } from './instruments.js';

/** A migration's two ends. */
export interface Ends {
  readonly source: string;
  readonly target: string;
}

interface Place {
  readonly at: 'source' | 'target';
  /** Undefined: nobody has to be stopped. */
  readonly gate: string | undefined;
  /** Which visit of it stops; the first when not given. */
  readonly visit?: number;
}

export const MOMENTS = {
  offer: { at: 'target', gate: undefined },
  negotiate: { at: 'target', gate: 'journal-receiving-after' },
  seed: { at: 'target', gate: 'rsync-pull' },
  'seed, served': { at: 'source', gate: 'rsync-serve' },
  'last of the disk': { at: 'target', gate: 'rsync-pull', visit: 2 },
  'last of the disk, served': { at: 'source', gate: 'rsync-serve', visit: 2 },
  frozen: { at: 'source', gate: 'journal-frozen-after' },
  dump: { at: 'source', gate: 'criu-dumping' },
  hold: { at: 'source', gate: 'journal-handing-over-before' },
  'handing over': { at: 'source', gate: 'journal-handing-over-after' },
  activating: { at: 'target', gate: 'journal-activating-after' },
  restore: { at: 'target', gate: 'criu-restoring' },
  restored: { at: 'target', gate: 'journal-running-before' },
  running: { at: 'target', gate: 'journal-running-after' },
  release: { at: 'source', gate: 'journal-released-after' },
} as const satisfies Record<string, Place>;

export type Moment = keyof typeof MOMENTS;

const REACHED_MS = 30_000;

export interface Gate {
  /** Resolves when somebody stands at it. */
  reached(): Promise<void>;
  /** Lets go who stands there, and everybody to come. Harmless twice. */
  open(): void;
}

/** Closes the gate of this moment for whoever comes first. */
export async function closeGate(moment: Moment, ends: Ends): Promise<Gate> {
  const { at, gate, visit = 1 }: Place = MOMENTS[moment];
  if (gate === undefined) return { reached: async () => undefined, open: () => undefined };
  const path = join(lab.rootOf(ends[at]), GATES_DIR, gate);
  writeFileSync(path, `${visit - 1}\n`);
  return {
    reached: () => eventually(`the moment "${moment}"`, async () => existsSync(`${path}.reached`), REACHED_MS, 10),
    open() {
      for (const file of [path, `${path}.reached`]) rmSync(file, { force: true });
    },
  };
}
