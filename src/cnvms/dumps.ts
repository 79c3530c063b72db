/**
 * Dumps of one cnvm, the last one and those of its memory before it. Invariant: criu is never killed while it dumps: what is
 * called off has its pages broken, and is waited for.
 */
import { chmodSync, chownSync, existsSync, lstatSync, readdirSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { freezeProcessesIn } from '../tools/cgroup.js';
import { PARENT_LINK } from '../tools/criu.js';
import { readDumpStats } from '../tools/criu-stats.js';
import type { RunningTool } from '../tools/run.js';
import { LAZY_OPTIONS, PAGES_OPTIONS, type Runc } from '../tools/runc.js';
import { holdScript, openHold } from './hold.js';
import type { Dump, DumpTarget, MemoryTaken, PreDump } from './machine.js';
import { refuseStopped } from './stopped.js';

/** What belongs to the cnvm that is dumped. */
export interface DumpPlaces {
  readonly name: string;
  readonly holdDir: string;
  readonly workDir: string;
  readonly cgroup: string;
  readonly criuConfig: string;
  /** Puts what criu leaves to us among the images. It is frozen. */
  readonly addImages: (imagesDir: string, signal: AbortSignal) => Promise<void>;
  /** Ends its processes. */
  readonly end: () => Promise<void>;
}

/** A deleted file that a process still holds travels in the images, up to this size. */
export const GHOST_LIMIT_BYTES = 256 * 1024 * 1024;

/**
 * Where criu looks for what an inotify watches. An overlay gives no handle by which a file could be opened again, so it is
 * found by its number; nobody pays for it whose programs watch nothing. The largest comes last, since it ends when all is found.
 */
const WATCHED = ['/etc', '/srv', '/tmp', '/root', '/home', '/opt', '/var', '/usr'];

/** Makes a dump ready, which waits in criu's script before it touches anything. */
export async function readyDump(runc: Runc, places: DumpPlaces, target: DumpTarget): Promise<Dump> {
  const { name, holdDir, workDir, cgroup } = places;
  const pages = target.lazy ? LAZY_OPTIONS : PAGES_OPTIONS;
  await writeCriuConfig(places.criuConfig, [`action-script ${holdScript(holdDir)}`, ...pages]);
  await mkdir(target.imagesDir, { recursive: true, mode: 0o700 });
  // The last that may fail: nobody else would close it.
  const hold = await openHold(holdDir);
  const tool = runc.dump(name, { ...target, workDir });
  const letGo = givePages(tool, target);
  const decide = (verdict: Parameters<typeof hold.decide>[0]) => {
    hold.decide(verdict);
    letGo();
  };
  const failed = tool.ended.then(() => {
    throw new Error('the dump ended without being held');
  });
  const ready = Promise.race([hold.ready, failed]);
  // While it dumps criu thaws what was frozen, and holds it by tracing alone: a criu that died would let it run on.
  const broken = new AbortController();
  const fenced = hold.held.then(async () => {
    freezeProcessesIn(cgroup);
    // Only now: criu has made names of its own for files that are open and have lost theirs.
    await places.addImages(target.imagesDir, broken.signal);
  });
  const held = Promise.race([fenced, failed]);
  for (const later of [ready, fenced, held]) later.catch(() => undefined);
  return {
    ready,
    held,
    begin: () => hold.begin(),
    async commit() {
      decide('commit');
      // criu waits for what it kills, and what is frozen does not die. How it ends does not matter: all is dumped.
      await places.end();
      await tool.ended.catch(() => undefined).finally(() => hold.close());
    },
    async rollBack() {
      decide('roll-back');
      broken.abort();
      await runc.dumpEnds(name, tool, cgroup).finally(() => hold.close());
      runc.clearDumpMarker(name);
    },
  };
}

/** Begins to take the memory of one that runs on; nothing holds criu, and it stops the processes for a moment alone. */
export async function beginPreDump(runc: Runc, places: DumpPlaces, target: DumpTarget): Promise<PreDump> {
  const { name, workDir, cgroup } = places;
  refuseStopped(cgroup);
  const { imagesDir, parentDir } = target;
  await writeCriuConfig(places.criuConfig, PAGES_OPTIONS);
  await mkdir(imagesDir, { recursive: true, mode: 0o700 });
  const tool = runc.preDump(name, { imagesDir, parentDir, workDir });
  target.takePages(tool.socket);
  const done = tool.ended.then((): MemoryTaken => readDumpStats(workDir));
  done.catch(() => undefined);
  let whole = false;
  const noted = done.then(() => {
    whole = true;
  });
  noted.catch(() => undefined);
  return {
    done,
    async rollBack() {
      if (whole) return;
      tool.socket.destroy();
      await runc.dumpEnds(name, tool, cgroup);
      // One that has died in it may have left the cgroup as criu had frozen it.
      await runc.resume(name);
    },
  };
}

/**
 * Lets the tasks that are restored read their images. The first one begins as the node's root without a capability, before
 * its user namespace has a map, and is the cnvm's root after it: so it needs the owner's way at first, and the group's later.
 * The images that these build on are reached over the directory that holds them all.
 */
export function shareImages(directory: string, group: number): void {
  const builds = existsSync(join(directory, PARENT_LINK));
  const directories = builds ? withRounds(dirname(directory)) : [directory];
  for (const one of directories) {
    chownSync(one, 0, group);
    chmodSync(one, 0o750);
    for (const path of readdirSync(one).map((name) => join(one, name))) {
      if (!lstatSync(path).isFile()) continue;
      chownSync(path, 0, group);
      chmodSync(path, 0o640);
    }
  }
}

function withRounds(root: string): string[] {
  const below = readdirSync(root, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  return [root, ...below.map(({ name }) => join(root, name))];
}

/** What criu has to know of every dump and restore of it, and what is said `more` of this one. */
export async function writeCriuConfig(path: string, more: readonly string[]): Promise<void> {
  // Half-open connections are left out: their clients try again, and a dump must not fail for one of them.
  const watched = WATCHED.map((path) => `irmap-scan-path ${path}`);
  // A cnvm has no cgroups but the one that runc puts it into, and criu with it: there is nothing to note and to make again.
  const lines = [
    `ghost-limit ${GHOST_LIMIT_BYTES}`,
    'manage-cgroups=ignore',
    'link-remap',
    'skip-in-flight',
    ...watched,
    ...more,
  ];
  await writeFile(path, `${lines.join('\n')}\n`);
}

/** @returns what lets the pages of a lazy dump go: criu asks for a reader when all is decided, and ends when there is none. */
function givePages({ socket }: RunningTool, { lazy, takePages }: DumpTarget): () => void {
  if (!lazy) {
    takePages(socket);
    return () => undefined;
  }
  socket.on('error', () => undefined);
  return () => void socket.destroy();
}
