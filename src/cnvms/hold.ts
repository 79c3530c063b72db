/**
 * The hold: criu's scripts wait for our word, before it begins and when all is dumped. Invariant: only an explicit
 * "commit" lets criu kill the tree; when we die the script reads the end of the pipe and criu rolls back.
 */
import { once } from 'node:events';
import { closeSync, constants, existsSync, openSync, writeSync } from 'node:fs';
import { chmod, mkdir, rm, writeFile } from 'node:fs/promises';
import { Socket } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { run } from '../tools/run.js';

/**
 * criu runs it at every stage, with the stage's name in the environment; up to 4.1 it does so twice, since it reads the
 * config that names it twice. The second run gives the answer that the first one had.
 */
const SCRIPT = `#!/bin/sh
case $CRTOOLS_SCRIPT_ACTION in
  pre-dump) yes=begin ;;
  post-dump) yes=commit ;;
  *) exit 0 ;;
esac
cd "\${0%/*}" || exit 1
answer=answer-$CRTOOLS_SCRIPT_ACTION
if [ ! -e "$answer" ]; then
  echo "$CRTOOLS_SCRIPT_ACTION" > stage || exit 1
  verdict=roll-back
  read -r verdict < verdict
  echo "$verdict" > "$answer"
fi
read -r verdict < "$answer"
[ "$verdict" = "$yes" ]
`;

export interface Hold {
  /** Resolves when criu has started and has touched nothing yet: it waits for `begin`. */
  readonly ready: Promise<void>;
  /** Resolves when all is dumped: criu waits for `decide`. */
  readonly held: Promise<void>;
  /** Lets the dump begin, now or when it comes to ask. Without a meaning after `decide`. */
  begin(): void;
  /** Gives the verdict; the first one counts. Before `begin`, or when it is not "commit", criu gives up. */
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
  const stagePath = join(directory, 'stage');
  const verdictPath = join(directory, 'verdict');
  await run(['mkfifo', stagePath, verdictPath]);
  const reader = new Socket({ fd: openPipe(stagePath), readable: true, writable: false });
  reader.on('error', () => undefined);
  const verdictPipe = openPipe(verdictPath);
  const stages = createInterface({ input: reader });
  const ready = once(stages, 'line').then(() => undefined);
  const held = ready.then(async () => void (await once(stages, 'line')));
  held.catch(() => undefined);
  let begun = false;
  let decided = false;
  let open = true;
  return {
    ready,
    held,
    begin() {
      if (!begun && !decided && open) writeSync(verdictPipe, 'begin\n');
      begun = true;
    },
    decide(verdict) {
      if (!decided && open) writeSync(verdictPipe, `${verdict}\n`);
      decided = true;
    },
    async close() {
      if (!open) return;
      open = false;
      // Gone before the pipes are: a script that comes now finds nothing to wait for.
      await rm(directory, { recursive: true, force: true });
      stages.close();
      reader.destroy();
      closeSync(verdictPipe);
    },
  };
}

/** Sends off every script that waits in a hold whose daemon has died: it reads the end, and criu rolls back. */
export async function releaseHold(directory: string): Promise<void> {
  for (const name of ['stage', 'verdict']) {
    const path = join(directory, name);
    if (existsSync(path)) closeSync(openPipe(path));
  }
  await rm(directory, { recursive: true, force: true });
}

/** For reading and writing, so that neither open nor read waits for, or ends with, the other side. */
function openPipe(path: string): number {
  return openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
}
