/**
 * The memory of a cnvm that is frozen, read where it lies. Invariant: what is read is what was there at the freeze: of one
 * that has been let run on nothing is read any more.
 */

import { readFileSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { hasErrno } from '../base/errors.js';
import { isFrozen, processesIn } from '../tools/cgroup.js';
import type { FrozenMemory } from './machine.js';

const PAGE_BYTES = 4096;

/** @throws when it is not frozen. */
export function openFrozenMemory(cgroup: string): FrozenMemory {
  demandFrozen(cgroup);
  const pids = new Map(processesIn(cgroup).flatMap((pid) => pairOf(pid)));
  const files = new Map<number, Promise<FileHandle>>();
  return {
    async read(pid, address, bytes) {
      const outside = pids.get(pid);
      if (outside === undefined) throw new Error(`no process ${pid} is frozen in ${cgroup}`);
      const file = files.get(pid) ?? open(`/proc/${outside}/mem`, 'r');
      files.set(pid, file);
      const into = Buffer.allocUnsafe(bytes);
      const have = await readAll(await file, into, address);
      if (have < PAGE_BYTES) throw new Error(`process ${pid} in ${cgroup} has no memory at ${address}`);
      // Afterwards, too: it may have been let go in between.
      demandFrozen(cgroup);
      return into.subarray(0, have - (have % PAGE_BYTES));
    },
    async close() {
      for (const file of files.values()) await file.then((one) => one.close()).catch(() => undefined);
      files.clear();
      pids.clear();
    },
  };
}

/** @returns how many bytes there are, up to as many as fit. */
async function readAll(file: FileHandle, into: Buffer, address: number): Promise<number> {
  for (let have = 0; ; ) {
    try {
      const { bytesRead } = await file.read(into, have, into.length - have, address + have);
      have += bytesRead;
      if (bytesRead === 0 || have === into.length) return have;
    } catch (error) {
      // There is nothing further on.
      if (have > 0 && hasErrno(error, 'EIO')) return have;
      throw error;
    }
  }
}

function demandFrozen(cgroup: string): void {
  if (!isFrozen(cgroup)) throw new Error(`${cgroup} is not frozen: its memory changes`);
}

/** Its id inside, which is the last of its ids, and outside; none when it has just gone. */
function pairOf(pid: number): [number, number][] {
  try {
    const ids = /^NSpid:(.*)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? '';
    return [[Number(ids.trim().split(/\s+/).at(-1)), pid]];
  } catch {
    return [];
  }
}
