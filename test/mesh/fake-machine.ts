/**
 * The machine port on a fake host: processes, memory and disks as values. Invariant: what the real one refuses it refuses,
 * and it leaves what the real one leaves; `test/contract` holds both to that.
 */
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import type { Duplex } from 'node:stream';
import { refused } from '../../src/base/errors.js';
import type { CnvmRecord } from '../../src/cnvms/cnvm.js';
import type { Dump, Look, Machine } from '../../src/cnvms/machine.js';
import { EARLY_IMAGE } from '../../src/migration/images.js';
import { streamPair } from '../contract/stream-pair.js';
import { fakeArchives } from './fake-archive.js';
import { lazyMachine, pageCount } from './fake-lazy.js';
import { beginPreDump, memoryOf, readMemory } from './fake-memory.js';
import { type Disk, directoryOf, type FakeState, type Files, newProcesses, type Processes } from './fake-state.js';
import { toolFails } from './fake-tool.js';
import { receiveMessage, sendMessage } from './framing.js';
import type { Plan } from './plan.js';

const MEMORY_BYTES = 8 * 1024 * 1024;

/** @param hasImage whether an image of this digest is on this host. */
export function createFakeMachine(state: FakeState, plan: Plan, hasImage: (digest: string) => boolean): Machine {
  const { disks, processes, witness, node } = state;

  function diskOf(record: CnvmRecord): Disk {
    const disk = disks.get(directoryOf(record));
    if (disk === undefined) throw toolFails(`mount: ${directoryOf(record)}: no such directory`);
    return disk;
  }

  function demandRoom(record: CnvmRecord): void {
    if (disks.has(directoryOf(record))) throw refused('exists', `${directoryOf(record)} exists`);
  }

  function makeDisk(record: CnvmRecord): Disk {
    demandRoom(record);
    const disk: Disk = { files: {}, mounted: false, writers: 0 };
    disks.set(directoryOf(record), disk);
    return disk;
  }

  function demandImage({ name, image }: CnvmRecord): void {
    if (!hasImage(image.digest)) throw refused('not-found', `the image of which ${name} is made is not on this node`);
  }

  function mount(record: CnvmRecord): void {
    demandImage(record);
    const disk = diskOf(record);
    if (disk.writers > 0) throw new Error(`${directoryOf(record)} is mounted while it is written from outside`);
    state.shownImages.add(record.name);
    disk.mounted = true;
  }

  function begin(record: CnvmRecord, memory: Files, lacking = false): void {
    processes.set(record.name, { ...newProcesses(record, memory), lacking });
    witness.runs(record, node);
  }

  function kill(record: CnvmRecord): void {
    state.begunRestores.delete(record.name);
    const found = processes.get(record.name);
    if (found === undefined) return;
    found.endDump?.();
    processes.delete(record.name);
    witness.rests(found.record, node);
  }

  function destroy(record: CnvmRecord): void {
    kill(record);
    state.closed.delete(record.address);
    const disk = disks.get(directoryOf(record));
    if (disk !== undefined) disk.mounted = false;
    state.shownImages.delete(record.name);
    state.bundles.delete(record.name);
  }

  function processesOf(record: CnvmRecord): Processes {
    const found = processes.get(record.name);
    if (found === undefined) throw toolFails(`container ${record.name} does not exist`);
    return found;
  }

  async function look(record: CnvmRecord): Promise<Look> {
    const found = processes.get(record.name);
    return found === undefined ? { status: 'stopped', pid: 0 } : { status: found.status, pid: 1_000 };
  }

  return {
    look,
    demandRoom: async (record) => demandRoom(record),
    async make(record) {
      makeDisk(record).files['/etc/hostname'] = record.name;
    },
    async boot(record) {
      try {
        mount(record);
        state.bundles.add(record.name);
        if (processes.has(record.name)) throw toolFails(`container with given ID already exists: ${record.name}`);
        begin(record, {});
        state.closed.delete(record.address);
      } catch (error) {
        destroy(record);
        throw error;
      }
    },
    halt: async (record) => destroy(record),
    destroy: async (record) => destroy(record),
    isWhole: async (record) => processes.has(record.name),
    async erase(record) {
      const disk = disks.get(directoryOf(record));
      if (disk?.mounted) throw new Error(`${directoryOf(record)} is mounted`);
      if (disk !== undefined && disk.writers > 0) throw new Error(`${directoryOf(record)} is being written`);
      disks.delete(directoryOf(record));
    },
    async usage(record) {
      const disk = disks.get(directoryOf(record));
      const diskBytes = disk === undefined ? 0 : JSON.stringify(disk.files).length;
      return { memoryBytes: processes.has(record.name) ? MEMORY_BYTES : 0, diskBytes };
    },
    diskDirectory: (record) => join(directoryOf(record), 'upper'),
    async flushDisk(record) {
      const disk = diskOf(record);
      disk.flushed = { ...disk.files };
      if (state.writesLogs) disk.files['/var/log/syslog'] = String(performance.now());
      return Date.now();
    },
    ...fakeArchives(state, diskOf),
    obstacles: async (record) => [...(state.obstacles.get(record.name) ?? [])],
    losses: async (record) => [...(state.losses.get(record.name) ?? [])],
    closing: async (record) => state.closing.get(record.name)?.shift() ?? 0,
    async exec(record, order, io) {
      if (processesOf(record).status !== 'running') throw toolFails(`container ${record.name} is paused`);
      await io.stdout(Buffer.from(`${order.argv.join(' ')}\n`));
      return 0;
    },
    async *logs() {
      yield Buffer.from('booted\n');
    },

    async freeze(record) {
      const found = processesOf(record);
      if (found.status === 'frozen') throw toolFails(`${record.name} is frozen already`);
      found.status = 'frozen';
      witness.rests(record, node);
      state.closed.add(record.address);
    },
    async thaw(record) {
      const found = processesOf(record);
      found.endDump?.();
      found.cpuMillis = undefined;
      state.closed.delete(record.address);
      if (found.status === 'running') return;
      found.status = 'running';
      witness.runs(record, node);
    },
    async dump(record, target) {
      const found = processesOf(record);
      if (found.endDump !== undefined) throw toolFails(`${record.name} is being dumped`);
      const [pages, theirs] = await streamPair();
      if (target.lazy) theirs.destroy();
      else target.takePages(theirs);
      return readyDump(found, target.lazy ? undefined : pages, () => memoryOf(state, found, target.parentDir), {
        ...{ imagesDir: target.imagesDir, plan, kill: () => kill(record) },
      });
    },
    async cpuMs(record) {
      processesOf(record);
      // One CPU's worth, all of the time.
      return performance.now();
    },
    async throttle(record, cpuMillis) {
      processesOf(record).cpuMillis = cpuMillis;
    },
    async unthrottle(record) {
      processesOf(record).cpuMillis = undefined;
    },
    async preDump(record, target) {
      const found = processesOf(record);
      if (found.endDump !== undefined) throw toolFails(`${record.name} is being dumped`);
      if (!state.tracks) throw toolFails('criu: missing features');
      const [pages, theirs] = await streamPair();
      target.takePages(theirs);
      return beginPreDump(found, pages, () => memoryOf(state, found, target.parentDir), target.imagesDir, plan);
    },
    async expect(record) {
      demandRoom(record);
      demandImage(record);
      makeDisk(record);
      state.shownImages.add(record.name);
    },
    async assemble(record) {
      mount(record);
      state.bundles.add(record.name);
    },
    async beginRestore(record, imagesDir) {
      if (!existsSync(join(imagesDir, EARLY_IMAGE))) throw toolFails(`no such file: ${EARLY_IMAGE}`);
      if (!diskOf(record).mounted || !state.bundles.has(record.name)) throw toolFails('the bundle has no root');
      if (state.begunRestores.has(record.name))
        throw toolFails(`container with given ID already exists: ${record.name}`);
      state.begunRestores.add(record.name);
      // Its pipe is the daemon's.
      state.ofDaemon.add(() => state.begunRestores.delete(record.name));
    },
    async restore(record, imagesDir) {
      state.closed.add(record.address);
      state.begunRestores.delete(record.name);
      try {
        const memory = readMemory(imagesDir, record.name);
        if (!diskOf(record).mounted || !state.bundles.has(record.name)) throw toolFails('the bundle has no root');
        if (processes.has(record.name)) throw toolFails(`container with given ID already exists: ${record.name}`);
        begin(record, memory);
        await plan.reach('restore.unheard', 'before');
        state.closed.delete(record.address);
        return { networkMs: 0 };
      } catch (error) {
        kill(record);
        state.closed.delete(record.address);
        throw error;
      }
    },
    ...lazyMachine(state, plan, { begin, kill, diskOf }),
  };
}

interface DumpWay {
  readonly imagesDir: string;
  readonly plan: Plan;
  readonly kill: () => void;
}

/** Sends the pages when it is begun, waits for the target to have them, and then for the verdict. */
function readyDump(
  found: Processes,
  pages: Duplex | undefined,
  take: () => Buffer,
  { imagesDir, plan, kill }: DumpWay,
): Dump {
  let whole = false;
  let ended = false;
  let begin: () => void = () => undefined;
  const begun = new Promise<void>((resolve) => {
    begin = resolve;
  });
  writeFileSync(join(imagesDir, EARLY_IMAGE), '[]');
  const end = () => {
    ended = true;
    begin();
    found.endDump = undefined;
    pages?.destroy();
  };
  found.endDump = end;

  async function run(): Promise<void> {
    await begun;
    if (ended) throw toolFails('the dump was called off');
    await plan.reach('dump.held', 'before');
    if (found.status !== 'frozen') throw toolFails('the dump sees a process that runs');
    const memoryPages = pages === undefined ? pageCount(found.memory) : 0;
    writeFileSync(join(imagesDir, 'core-1.img'), JSON.stringify({ name: found.record.name, memoryPages }));
    if (pages !== undefined) {
      sendMessage(pages, take());
      const word = (await receiveMessage(pages)).toString();
      if (word !== 'filed' || ended) throw toolFails('the page server did not take the pages');
      // Its end stays open for as long as who started it lives.
    }
    whole = true;
    await plan.reach('dump.held', 'after');
  }
  const held = run().catch((error: unknown) => {
    whole = false;
    end();
    throw error;
  });
  held.catch(() => undefined);
  return {
    ready: Promise.resolve(),
    held,
    begin,
    async commit() {
      await plan.reach('dump.commit', 'before');
      if (!whole || ended) throw toolFails('the dump has ended without being held');
      kill();
      await plan.reach('dump.commit', 'after');
    },
    async rollBack() {
      await plan.reach('dump.rollBack', 'before');
      if (!ended) end();
      await held.catch(() => undefined);
      await plan.reach('dump.rollBack', 'after');
    },
  };
}
