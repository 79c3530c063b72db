/**
 * The lazy half of the fake machine: memory that follows its processes, page by page, in criu's own words. Invariant: as
 * with the real one, who lacks a page waits for it, and when the stream ends before the last page, or the daemon does, the
 * processes end with it.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import type { CnvmRecord } from '../../src/cnvms/cnvm.js';
import type { Machine } from '../../src/cnvms/machine.js';
import { readBytes } from '../../src/migration/byte-reader.js';
import {
  closeHeader,
  headerBytes,
  layoutOf,
  PAGE_BYTES,
  parseWord,
  rangeHeader,
} from '../../src/migration/page-words.js';
import { streamPair } from '../contract/stream-pair.js';
import { facts } from '../support/samples.js';
import type { Disk, FakeState, Files } from './fake-state.js';
import { toolFails } from './fake-tool.js';
import type { Plan } from './plan.js';

/** Its one process, and where its memory begins. */
const PID = 1;
const BASE = 0x7000_0000_0000;
const LAYOUT = layoutOf(facts('any').criuVersion);

const textOf = (memory: Files): Buffer => Buffer.from(JSON.stringify(memory));
export const pageCount = (memory: Files): number => Math.ceil(textOf(memory).length / PAGE_BYTES);

interface Hands {
  begin(record: CnvmRecord, memory: Files, lacking: boolean): void;
  kill(record: CnvmRecord): void;
  diskOf(record: CnvmRecord): Disk;
}

type LazyHalf = Pick<Machine, 'openMemory' | 'restoreLazily' | 'hasMemory'>;

export function lazyMachine(state: FakeState, plan: Plan, { begin, kill, diskOf }: Hands): LazyHalf {
  const { processes } = state;

  /** What criu's daemon does: asks for each page, and files it. */
  async function bring(record: CnvmRecord, pages: number, stream: Duplex): Promise<void> {
    const reader = readBytes(stream);
    const parts: Buffer[] = [];
    for (let page = 0; page < pages; page += 1) {
      await plan.reach('pages.ask', 'before');
      const range = { pid: PID, address: BASE + page * PAGE_BYTES, pages: 1 };
      stream.write(rangeHeader('get', range, LAYOUT));
      const header = await reader.take(headerBytes(LAYOUT));
      const word = header === undefined ? undefined : parseWord(header, LAYOUT);
      const bytes = word?.kind === 'add' && word.address === range.address ? await reader.take(PAGE_BYTES) : undefined;
      if (bytes === undefined) throw toolFails('Error (criu): Remote side closed connection');
      parts.push(Buffer.from(bytes));
    }
    const found = processes.get(record.name);
    if (found === undefined) throw toolFails(`${record.name} has ended meanwhile`);
    Object.assign(found.memory, JSON.parse(Buffer.concat(parts).toString().replace(/\0+$/, '')) as Files);
    found.lacking = false;
    stream.end(closeHeader(LAYOUT));
  }

  return {
    async openMemory(record) {
      const frozen = () => {
        const found = processes.get(record.name);
        if (found?.status !== 'frozen') throw new Error(`${record.name} is not frozen: its memory changes`);
        return textOf(found.memory);
      };
      frozen();
      return {
        async read(pid, address, bytes) {
          const text = frozen();
          const at = address - BASE;
          if (pid !== PID || at < 0 || at >= text.length) throw new Error(`there is no memory at ${address}`);
          const into = Buffer.alloc(Math.min(bytes, Math.ceil((text.length - at) / PAGE_BYTES) * PAGE_BYTES));
          text.copy(into, 0, at);
          return into;
        },
        close: async () => undefined,
      };
    },

    async restoreLazily(record, imagesDir, takeRequests) {
      let pages = 0;
      try {
        const core = JSON.parse(readFileSync(join(imagesDir, 'core-1.img'), 'utf8')) as { memoryPages: number };
        pages = core.memoryPages;
        if (!diskOf(record).mounted || !state.bundles.has(record.name)) throw toolFails('the bundle has no root');
        if (processes.has(record.name)) throw toolFails(`container with given ID already exists: ${record.name}`);
        begin(record, {}, true);
        await plan.reach('restore.unheard', 'before');
        state.closed.delete(record.address);
      } catch (error) {
        kill(record);
        state.closed.delete(record.address);
        throw error;
      }
      const [ours, theirs] = await streamPair();
      const end = () => void ours.destroy();
      state.ofDaemon.add(end);
      takeRequests(theirs);
      const broken = new Promise<never>((_, reject) => {
        ours.once('close', () => reject(toolFails('Error (criu): Remote side closed connection')));
      });
      const complete = Promise.race([bring(record, pages, ours), broken])
        .catch((error: unknown) => {
          kill(record);
          throw error;
        })
        .finally(() => state.ofDaemon.delete(end));
      complete.catch(() => undefined);
      return { networkMs: 0, complete, breakOff: end };
    },

    hasMemory: async (record) => processes.get(record.name)?.lacking === false,
  };
}
