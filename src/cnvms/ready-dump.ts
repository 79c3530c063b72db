/**
 * A dump on real programs, held until its verdict. Invariant: when it is held nothing runs on without an explicit thaw, whoever
 * dies; whichever the verdict, criu has ended afterwards.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { freezeProcessesIn } from '../tools/cgroup.js';
import { LAZY_OPTIONS, PAGES_OPTIONS, type Runc } from '../tools/runc.js';
import type { CnvmRecord } from './cnvm.js';
import { holdScript, openHold } from './hold.js';
import type { Dump, DumpTarget } from './machine.js';

/** A deleted file that a process still holds travels in the images, up to this size. */
const GHOST_LIMIT_BYTES = 256 * 1024 * 1024;

/** Where a cnvm's things are. */
export interface DumpPlaces {
  readonly runc: Runc;
  readonly bundle: string;
  readonly holdDir: string;
  readonly workDir: string;
  readonly cgroup: string;
  /** By its cgroup. */
  readonly endProcesses: () => Promise<void>;
}

/** Afterwards a dump is being made ready. */
export async function readyDump(record: CnvmRecord, target: DumpTarget, places: DumpPlaces): Promise<Dump> {
  const { runc, bundle, holdDir, workDir, cgroup, endProcesses } = places;
  const hold = await openHold(holdDir);
  const criuConfig = join(bundle, 'criu.conf');
  await writeCriuConfig(criuConfig, [
    `action-script ${holdScript(holdDir)}`,
    ...(target.lazy ? LAZY_OPTIONS : PAGES_OPTIONS),
  ]);
  await mkdir(target.imagesDir, { recursive: true, mode: 0o700 });
  const { imagesDir: into, lazy = false } = target;
  const tool = runc.dump(record.name, { imagesDir: into, workDir, lazy });
  // Of a lazy dump criu asks for a reader on it when all is decided, and ends when there is none.
  const letGo = () => void (lazy && tool.socket.destroy());
  if (lazy) tool.socket.on('error', () => undefined);
  else target.takePages(tool.socket);
  const failed = tool.ended.then(() => {
    throw new Error('the dump ended without being held');
  });
  const ready = Promise.race([hold.ready, failed]);
  // While it dumps criu thaws what was frozen, and holds it by tracing alone: a criu that died would let it run on.
  const fenced = hold.held.then(() => freezeProcessesIn(cgroup));
  const held = Promise.race([fenced, failed]);
  for (const later of [ready, fenced, held]) later.catch(() => undefined);
  return {
    ready,
    held,
    begin: () => hold.begin(),
    async commit() {
      hold.decide('commit');
      letGo();
      // criu waits for what it kills, and what is frozen does not die. How it ends does not matter: all is dumped.
      await endProcesses();
      await tool.ended.catch(() => undefined).finally(() => hold.close());
    },
    async rollBack() {
      hold.decide('roll-back');
      letGo();
      const left = await runc.dumpEnds(record.name, tool);
      await hold.close();
      if (left) throw new Error(`criu does not let go of ${record.name}`);
      runc.clearDumpMarker(record.name);
    },
  };
}

/** What criu reads beside what runc tells it. */
export async function writeCriuConfig(path: string, more: readonly string[]): Promise<void> {
  // Half-open connections are left out: their clients try again, and a dump must not fail for one of them.
  const lines = [`ghost-limit ${GHOST_LIMIT_BYTES}`, 'link-remap', 'skip-in-flight', ...more];
  await writeFile(path, `${lines.join('\n')}\n`);
}
