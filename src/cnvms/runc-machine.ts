/**
 * The machine port on real programs: runc, criu, overlay mounts. Invariant: a cnvm's processes, mounts and link are
 * found by its name and address alone, so a daemon that starts anew finds what its predecessor left.
 */
import { existsSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { endProcessesIn } from '../tools/cgroup.js';
import { unmountBelow } from '../tools/mount.js';
import { criuWorkDir } from '../tools/orphans.js';
import { removeGate } from '../tools/restore-gate.js';
import { createRunc } from '../tools/runc.js';
import { type ReadyRestore, type RestoreOrder, ranAlready } from '../tools/runc-restore.js';
import { syncFileSystem } from '../tools/sync.js';
import { uidBase } from './address.js';
import type { CnvmRecord } from './cnvm.js';
import { demandRoomFor, diskBytes, diskPaths, makeDisk, personalise, removeDisk, unmountDisk } from './disk.js';
import { diskArchives } from './disk-archive.js';
import { beginPreDump, type DumpPlaces, readyDump, shareImages } from './dumps.js';
import { execInside } from './exec.js';
import { openFrozenMemory } from './frozen-memory.js';
import { isComplete, restoreLazily } from './lazy-restore.js';
import { createLeftToUs } from './left-to-us.js';
import { readLogs, readOutput } from './logs.js';
import type { Look, Machine } from './machine.js';
import { createMadeFrom, type ImagesPort } from './made-from.js';
import type { NetworkPort } from './network-port.js';
import { lookAhead } from './obstacles.js';
import { envOf, type FirstProcess } from './program.js';
import { atStandstill, createStandstill } from './standstill.js';
import { createVolatile } from './volatile.js';
import { writeBundleFiles } from './write-bundle.js';

export interface RuncMachineOptions {
  readonly stateDir: string;
  readonly runDir: string;
  readonly images: ImagesPort;
  readonly cgroupParent: string;
  readonly network: NetworkPort;
  /** After which a restore is broken off. */
  readonly restoreMs: number;
  /** Multiplies how long a restore may be without a criu before that is taken for dead. */
  readonly patience: number;
}

/** After KILL the kernel needs a moment to end every process. */
const KILL_WAIT_MS = 10_000;
const POLL_MS = 20;
/** In the bundle. */
const LAZY_MARKER = 'memory';

export function createRuncMachine(options: RuncMachineOptions): Machine {
  const { stateDir, runDir, images, cgroupParent, network, restoreMs, patience } = options;
  const runc = createRunc(runDir);
  const bundleOf = (record: CnvmRecord) => join(stateDir, 'bundles', record.name);
  const holdOf = (record: CnvmRecord) => join(runDir, 'hold', record.name);
  const workOf = (record: CnvmRecord) => criuWorkDir(runDir, record.name);
  const cgroupOf = (record: CnvmRecord) => join(cgroupParent, record.name);
  const volatile = createVolatile(runDir, cgroupOf);
  const pathsOf = (record: CnvmRecord) => diskPaths(record, runDir);
  const leftToUs = createLeftToUs(volatile, pathsOf, restoreMs);
  const madeFrom = createMadeFrom(images, pathsOf);
  const criuConfigOf = (record: CnvmRecord) => join(bundleOf(record), 'criu.conf');

  async function writeBundle(record: CnvmRecord): Promise<FirstProcess> {
    const first = await madeFrom.processOf(record);
    const bundle = bundleOf(record);
    for (const path of [bundle, workOf(record)]) await mkdir(path, { recursive: true, mode: 0o700 });
    await writeBundleFiles(bundle, record, first, {
      ...{ rootfs: pathsOf(record).rootfs, volatile: volatile.pathsOf(record), cgroup: cgroupOf(record) },
      ...{ criuConfig: criuConfigOf(record), networkHook: await network.hook(record.address, bundle) },
    });
    return first;
  }

  async function look(record: CnvmRecord): Promise<Look> {
    const state = await runc.state(record.name);
    if (state === undefined || state.status === 'stopped') return { status: 'stopped', pid: 0 };
    return { status: state.status === 'paused' ? 'frozen' : 'running', pid: state.pid };
  }

  async function ends(record: CnvmRecord, withinMs: number): Promise<boolean> {
    for (let waited = 0; waited <= withinMs; waited += POLL_MS) {
      if ((await look(record)).status === 'stopped') return true;
      await sleep(POLL_MS);
    }
    return false;
  }

  /** By its cgroup and not by what runc knows of it: a restore that was broken off has left processes, and no word. */
  async function endProcesses(record: CnvmRecord): Promise<void> {
    const left = await endProcessesIn(cgroupOf(record), KILL_WAIT_MS);
    if (left.length > 0) throw new Error(`processes of ${record.name} do not end: ${left.join(', ')}`);
  }

  function placesOf(record: CnvmRecord): DumpPlaces {
    const places = { holdDir: holdOf(record), workDir: workOf(record), cgroup: cgroupOf(record) };
    return {
      ...{ name: record.name, ...places, criuConfig: criuConfigOf(record), end: () => endProcesses(record) },
      addImages: (imagesDir, signal) => leftToUs.add(record, workOf(record), imagesDir, signal),
    };
  }

  /** One of a name at a time: that which a restore of it is to go on with. */
  const begun = new Map<string, Promise<ReadyRestore>>();

  async function callOff(record: CnvmRecord): Promise<void> {
    const restore = await begun.get(record.name)?.catch(() => undefined);
    begun.delete(record.name);
    await restore?.close();
  }

  async function kill(record: CnvmRecord): Promise<void> {
    await callOff(record);
    await endProcesses(record);
    await runc.delete(record.name, true);
  }

  async function clear(record: CnvmRecord): Promise<void> {
    await network.unwire(record.address);
    await unmountDisk(pathsOf(record));
    await volatile.remove(record);
    // A criu that was killed has left the node's cgroups mounted among its logs: what is empty there would be removed.
    await unmountBelow(workOf(record));
    for (const path of [bundleOf(record), workOf(record), holdOf(record)]) {
      await rm(path, { recursive: true, force: true });
    }
  }

  async function destroy(record: CnvmRecord): Promise<void> {
    await kill(record);
    await clear(record);
  }

  async function restoreOrder(record: CnvmRecord, imagesDirOfDump: string, lazy: boolean): Promise<RestoreOrder> {
    const paths = { bundle: bundleOf(record), imagesDir: imagesDirOfDump, workDir: workOf(record) };
    const through = madeFrom.throughOf(record, await madeFrom.processOf(record));
    return { ...paths, timeoutMs: restoreMs, patience, lazy, through };
  }

  async function restore(record: CnvmRecord, imagesDirOfDump: string, lazy: boolean): Promise<{ networkMs: number }> {
    try {
      shareImages(imagesDirOfDump, uidBase(record.address));
      await leftToUs.take(record, imagesDirOfDump);
      const ready = await begun.get(record.name)?.catch(() => undefined);
      begun.delete(record.name);
      if (ready === undefined) removeGate(imagesDirOfDump);
      await (ready?.go() ?? runc.restores.restore(record.name, await restoreOrder(record, imagesDirOfDump, lazy)));
      const restoredAtMs = performance.now();
      await network.open(record.address).catch((error: unknown) => {
        throw ranAlready(error);
      });
      return { networkMs: performance.now() - restoredAtMs };
    } catch (error) {
      await kill(record);
      await network.unwire(record.address);
      // For the next try.
      await volatile.mountEmpty(record);
      await network.close(record.address);
      throw error;
    }
  }

  return {
    look,
    destroy,

    demandRoom: async (record) => demandRoomFor(pathsOf(record)),

    async make(record) {
      await makeDisk(pathsOf(record), uidBase(record.address));
      try {
        await personalise(pathsOf(record), record, await network.resolvConf());
      } catch (error) {
        await removeDisk(pathsOf(record));
        throw error;
      }
    },

    async boot(record) {
      try {
        await madeFrom.mount(record);
        await madeFrom.makeVolumes(record);
        // One that has ended by itself is still known to runc.
        if ((await look(record)).status === 'stopped') await runc.delete(record.name, true);
        await volatile.mountEmpty(record);
        const first = await writeBundle(record);
        await runc.start(record.name, bundleOf(record), madeFrom.throughOf(record, first));
        await network.open(record.address);
      } catch (error) {
        await destroy(record);
        throw error;
      }
    },

    async halt(record, graceMs) {
      if ((await look(record)).status === 'running') {
        await runc.kill(record.name, madeFrom.stopSignal(record), false);
        await ends(record, graceMs);
      }
      await destroy(record);
    },

    async isWhole(record) {
      const { status, pid } = await look(record);
      return status !== 'stopped' && runc.restoredPid(bundleOf(record)) === pid;
    },

    erase: (record) => removeDisk(pathsOf(record)),

    async usage(record) {
      const running = (await look(record)).status !== 'stopped';
      const memoryBytes = running ? (await runc.usage(record.name)).memoryBytes : 0;
      return { memoryBytes, diskBytes: existsSync(pathsOf(record).upper) ? await diskBytes(pathsOf(record)) : 0 };
    },

    diskDirectory: (record) => pathsOf(record).upper,
    ...diskArchives(runDir, pathsOf, network),
    async flushDisk(record) {
      // A file's time is set as a write begins, and one that goes on after the flush would not show in it.
      const before = await atStandstill(cgroupOf(record), Date.now);
      await syncFileSystem(pathsOf(record).upper);
      return before ?? 0;
    },

    ...lookAhead(
      async (record) => (await look(record)).pid,
      (name) => runc.processes(name),
      volatile.obstacle,
    ),

    exec: (record, order, io) => execInside(runc, envOf(madeFrom.imageOf(record), record.program), order, io),
    logs(record, tailLines, follow, signal) {
      const output = madeFrom.outputOf(record);
      if (output !== undefined) return readOutput(output, tailLines, follow, signal);
      return readLogs(pathsOf(record).upper, tailLines, follow, signal);
    },

    ...createStandstill({ runc, network, cgroupOf, workOf, holdOf }),

    dump: async (record, target) => await readyDump(runc, placesOf(record), target),
    preDump: async (record, target) => await beginPreDump(runc, placesOf(record), target),

    async expect(record) {
      await makeDisk(pathsOf(record), uidBase(record.address));
      try {
        await madeFrom.show(record);
        await volatile.mountEmpty(record);
      } catch (error) {
        await volatile.remove(record);
        await unmountDisk(pathsOf(record));
        await removeDisk(pathsOf(record));
        throw error;
      }
    },

    async assemble(record) {
      await madeFrom.mount(record);
      await volatile.ensure(record);
      await writeBundle(record);
      await network.close(record.address);
    },

    async beginRestore(record, imagesDirOfDump) {
      const order = restoreOrder(record, imagesDirOfDump, false);
      const beginning = order.then((one) => runc.restores.begin(record.name, one));
      begun.set(record.name, beginning);
      await beginning;
    },
    restore: (record, imagesDirOfDump) => restore(record, imagesDirOfDump, false),
    openMemory: async (record) => openFrozenMemory(cgroupOf(record)),
    restoreLazily: (record, imagesDirOfDump, takeRequests) =>
      restoreLazily({
        ...{ imagesDir: imagesDirOfDump, workDir: workOf(record), cgroup: cgroupOf(record), takeRequests },
        marker: join(bundleOf(record), LAZY_MARKER),
        restore: () => restore(record, imagesDirOfDump, true),
        end: () => endProcesses(record),
      }),
    hasMemory: async (record) => isComplete(join(bundleOf(record), LAZY_MARKER)),
  };
}
