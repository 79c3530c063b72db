/**
 * Processes of a cnvm that somebody has stopped, where the kernel freezes by version 1 of its control groups. There whoever
 * traces a process that is stopped and frozen waits until it is thawed, and criu would wait for ever. So in the freeze they
 * are told to go on, which they cannot, criu takes them for running, and its images are told better. Invariant: they run on
 * nowhere; when a freeze is taken back they are stopped before they are thawed, also by the next daemon. But a dump that hangs is
 * thawed to be made to let go of them, and until the freeze is taken back then they may run.
 */
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { writeFileAtomic } from '../base/atomic-file.js';
import { freezesByVersion1, processesIn } from '../tools/cgroup.js';
import { markStopped } from '../tools/criu-images.js';
import { goOn, stop, stoppedIn } from '../tools/stopped.js';

/** In the directory that criu works in, on a tmpfs. */
const FILE = 'stopped.json';
const schema = z.array(z.object({ pid: z.number(), inside: z.number() }));

/** @throws when the memory of one that runs cannot be taken, with the processes that are stopped. */
export function refuseStopped(cgroup: string): void {
  const stopped = freezesByVersion1(cgroup) ? stoppedIn(cgroup) : [];
  if (stopped.length === 0) return;
  const [processes, are] = stopped.length === 1 ? ['process', 'is'] : ['processes', 'are'];
  throw new Error(`${processes} ${stopped.map(({ inside }) => inside).join(', ')} ${are} stopped`);
}

/** Makes those of a frozen cnvm ready to be dumped. */
export async function readyStopped(cgroup: string, workDir: string): Promise<void> {
  const stopped = freezesByVersion1(cgroup) ? stoppedIn(cgroup) : [];
  if (stopped.length === 0) return;
  // Whole or not there: half of it would keep the next daemon from thawing them.
  await writeFileAtomic(join(workDir, FILE), JSON.stringify(stopped));
  goOn(stopped);
}

/** Says in the images of a dump which of its processes are stopped. */
export function noteStopped(workDir: string, imagesDir: string): void {
  for (const { inside } of noted(workDir)) markStopped(imagesDir, inside);
}

/** Before a cnvm that was frozen, and dumped or not, is thawed. Harmless twice. */
export function stopAgain(cgroup: string, workDir: string): void {
  // One that has ended meanwhile may have left its number to somebody else.
  const here = new Set(processesIn(cgroup));
  stop(noted(workDir).filter(({ pid }) => here.has(pid)));
  rmSync(join(workDir, FILE), { force: true });
}

function noted(workDir: string) {
  const file = join(workDir, FILE);
  return existsSync(file) ? schema.parse(JSON.parse(readFileSync(file, 'utf8'))) : [];
}
