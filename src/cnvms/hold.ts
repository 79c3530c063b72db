/**
 * The hold: criu's post-dump script says that all is dumped and waits for our verdict. Invariant: only an explicit
 * "commit" lets criu kill the tree; when we die the script reads the end of the pipe and criu rolls back.
 */
import { once } from 'node:events';
import { closeSync, constants, existsSync, openSync, writeSync } from 'node:fs';
import { chmod, mkdir, rm, writeFile } from 'node:fs/promises';
import { Socket } from 'node:net';
import { join } from 'node:path';
import { run } from '../tools/run.js';

/** criu runs it at every stage, with the stage's name in the environment. */
const SCRIPT = `#!/bin/sh
[ "$CRTOOLS_SCRIPT_ACTION" = post-dump ] || exit 0
cd "\${0%/*}" || exit 1
echo held > held || exit 1
read -r verdict < verdict
[ "$verdict" = commit ]
`;

export interface Hold {
  /** Resolves when the script waits. */
  readonly held: Promise<void>;
  /** Gives the verdict; the first one counts. */
  decide(verdict: 'commit' | 'roll-back'): void;
  /** Lets go of the pipes: a script that still waits, or comes to wait, rolls back. */
  close(): Promise<void>;
}

/** The script's path within a hold's directory, for criu's config. */
export function holdScript(directory: string): string {
  return join(directory, 'hold.sh');
}

/** @param directory of this hold alone; made anew. */
export async function openHold(directory: string): Promise<Hold> {
  await rm(directory, { recursive: true, force: true });
  await mkdir(directory, { recursive: true, mode: 0o700 });
  await writeFile(holdScript(directory), SCRIPT);
  await chmod(holdScript(directory), 0o700);
  const heldPath = join(directory, 'held');
  const verdictPath = join(directory, 'verdict');
  await run(['mkfifo', heldPath, verdictPath]);
  const reader = new Socket({ fd: openPipe(heldPath), readable: true, writable: false });
  reader.on('error', () => undefined);
  const verdictPipe = openPipe(verdictPath);
  const held = once(reader, 'data').then(() => undefined);
  held.catch(() => undefined);
  let decided = false;
  let open = true;
  return {
    held,
    decide(verdict) {
      if (!decided && open) writeSync(verdictPipe, `${verdict}\n`);
      decided = true;
    },
    async close() {
      if (!open) return;
      open = false;
      // Gone before the pipes are: a script that comes now finds nothing to wait for.
      await rm(directory, { recursive: true, force: true });
      reader.destroy();
      closeSync(verdictPipe);
    },
  };
}

/** Sends off every script that waits in a hold whose daemon has died: it reads the end, and criu rolls back. */
export async function releaseHold(directory: string): Promise<void> {
  for (const name of ['held', 'verdict']) {
    const path = join(directory, name);
    if (existsSync(path)) closeSync(openPipe(path));
  }
  await rm(directory, { recursive: true, force: true });
}

/** For reading and writing, so that neither open nor read waits for, or ends with, the other side. */
function openPipe(path: string): number {
  return openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
}
