/**
 * The machine port on real programs: runc, criu, overlay mounts. Invariant: a cnvm's processes, mounts and link are
 * found by its name and address alone, so a daemon that starts anew finds what its predecessor left.
 */
import { chmodSync, chownSync, existsSync, readdirSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { hasErrno, refused } from '../base/errors.js';
import { endProcessesIn, freezeProcessesIn, isUnified } from '../tools/cgroup.js';
import { restoreOptions } from '../tools/criu.js';
import { unmountBelow } from '../tools/mount.js';
import { createRunc, PAGES_OPTIONS } from '../tools/runc.js';
import { syncFileSystem } from '../tools/sync.js';
import { uidBase } from './address.js';
import { bundleConfig } from './bundle.js';
import type { CnvmRecord } from './cnvm.js';
import { diskBytes, diskPaths, makeDisk, mountDisk, mountImage, personalise, removeDisk, unmountDisk } from './disk.js';
import { execInside } from './exec.js';
import { foreignCommands } from './foreign.js';
import { holdScript, openHold, releaseHold } from './hold.js';
import { findImage } from './image.js';
import { readLogs } from './logs.js';
import type { Dump, DumpTarget, Look, Machine } from './machine.js';
import type { NetworkPort } from './network-port.js';

export interface RuncMachineOptions {
  readonly stateDir: string;
  readonly runDir: string;
  readonly imagesDir: string;
  readonly cgroupParent: string;
  readonly network: NetworkPort;
  /** After which a restore is broken off. */
  readonly restoreMs: number;
  /** Multiplies how long a restore may be without a criu before that is taken for dead. */
  readonly patience: number;
}

/** A deleted file that a process still holds travels in the images, up to this size. */
const GHOST_LIMIT_BYTES = 256 * 1024 * 1024;
/** After KILL the kernel needs a moment to end every process. */
const KILL_WAIT_MS = 10_000;
const POLL_MS = 20;

export function createRuncMachine(options: RuncMachineOptions): Machine {
  const { stateDir, runDir, imagesDir, cgroupParent, network, restoreMs, patience } = options;
  const runc = createRunc(runDir);
  const bundleOf = (record: CnvmRecord) => join(stateDir, 'bundles', record.name);
  const holdOf = (record: CnvmRecord) => join(runDir, 'hold', record.name);
  const workOf = (record: CnvmRecord) => join(runDir, 'criu', record.name);
  const cgroupOf = (record: CnvmRecord) => join(cgroupParent, record.name);
  const pathsOf = (record: CnvmRecord) => diskPaths(record, runDir);

  async function writeBundle(record: CnvmRecord, criuOptions: readonly string[]): Promise<string> {
    const bundle = bundleOf(record);
    const criuConfig = join(bundle, 'criu.conf');
    const image = findImage(imagesDir, record.image.name);
    await mkdir(bundle, { recursive: true, mode: 0o700 });
    const config = bundleConfig(
      record,
      { argv: image.entrypoint, env: image.env },
      {
        rootfs: pathsOf(record).rootfs,
        cgroup: cgroupOf(record),
        criuConfig,
        networkHook: await network.hook(record.address, bundle),
      },
      process.arch,
    );
    await mkdir(workOf(record), { recursive: true, mode: 0o700 });
    await writeFile(join(bundle, 'config.json'), JSON.stringify(config));
    await writeCriuConfig(criuConfig, criuOptions);
    return bundle;
  }

  async function makeDiskFor(record: CnvmRecord): Promise<void> {
    const { directory } = pathsOf(record);
    try {
      await makeDisk(pathsOf(record), uidBase(record.address));
    } catch (error) {
      if (!hasErrno(error, 'EEXIST')) throw error;
      throw refused('exists', `${directory} exists`, { remedy: 'Move it away, or choose another landing.' });
    }
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

  async function kill(record: CnvmRecord): Promise<void> {
    await endProcesses(record);
    await runc.delete(record.name, true);
  }

  async function clear(record: CnvmRecord): Promise<void> {
    await network.unwire(record.address);
    await unmountDisk(pathsOf(record));
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

  return {
    look,
    destroy,

    async make(record) {
      await makeDiskFor(record);
      try {
        await personalise(pathsOf(record), record, await network.resolvConf());
      } catch (error) {
        await removeDisk(pathsOf(record));
        throw error;
      }
    },

    async boot(record) {
      try {
        await mountDisk(pathsOf(record), record, findImage(imagesDir, record.image.name));
        // One that has ended by itself is still known to runc.
        if ((await look(record)).status === 'stopped') await runc.delete(record.name, true);
        await runc.start(record.name, await writeBundle(record, []));
        await network.open(record.address);
      } catch (error) {
        await destroy(record);
        throw error;
      }
    },

    async halt(record, graceMs) {
      const signal = findImage(imagesDir, record.image.name).stopSignal;
      if ((await look(record)).status === 'running') {
        await runc.kill(record.name, signal, false);
        await ends(record, graceMs);
      }
      await destroy(record);
    },

    async isWhole(record) {
      const { status, pid } = await look(record);
      return status !== 'stopped' && runc.restoredPid(bundleOf(record)) === pid;
    },

    async erase(record) {
      await removeDisk(pathsOf(record));
    },

    async usage(record) {
      const running = (await look(record)).status !== 'stopped';
      const memoryBytes = running ? (await runc.usage(record.name)).memoryBytes : 0;
      return { memoryBytes, diskBytes: existsSync(pathsOf(record).upper) ? await diskBytes(pathsOf(record)) : 0 };
    },

    diskDirectory: (record) => pathsOf(record).upper,
    async flushDisk(record) {
      const before = Date.now();
      await syncFileSystem(pathsOf(record).upper);
      return before;
    },

    async obstacles(record) {
      const { pid } = await look(record);
      return foreignCommands(pid, await runc.processes(record.name));
    },

    exec: (record, order, io) => execInside(runc, findImage(imagesDir, record.image.name).env, order, io),
    logs: (record, tailLines, follow, signal) => readLogs(pathsOf(record).upper, tailLines, follow, signal),

    async freeze(record) {
      // In this order: what a process sends must not be lost to the filter, or its peer waits for it to be sent again.
      await runc.pause(record.name);
      await network.close(record.address);
    },

    async thaw(record) {
      await releaseHold(holdOf(record));
      runc.clearDumpMarker(record.name);
      await network.open(record.address);
      await runc.resume(record.name);
    },

    dump: (record, target) => readyDump(record, target),

    async expect(record) {
      await makeDiskFor(record);
      try {
        await mountImage(pathsOf(record), record, findImage(imagesDir, record.image.name));
      } catch (error) {
        await unmountDisk(pathsOf(record));
        await removeDisk(pathsOf(record));
        throw error;
      }
    },

    async assemble(record) {
      await mountDisk(pathsOf(record), record, findImage(imagesDir, record.image.name));
      await writeBundle(record, restoreOptions(cgroupOf(record), isUnified()));
      await network.close(record.address);
    },

    async restore(record, imagesDirOfDump) {
      try {
        shareImages(imagesDirOfDump, uidBase(record.address));
        const paths = { bundle: bundleOf(record), imagesDir: imagesDirOfDump, workDir: workOf(record) };
        await runc.restore(record.name, { ...paths, timeoutMs: restoreMs, patience });
        await network.open(record.address);
      } catch (error) {
        await kill(record);
        await network.unwire(record.address);
        // For the next try.
        await network.close(record.address);
        throw error;
      }
    },
  };

  async function readyDump(record: CnvmRecord, target: DumpTarget): Promise<Dump> {
    const hold = await openHold(holdOf(record));
    const criuConfig = join(bundleOf(record), 'criu.conf');
    await writeCriuConfig(criuConfig, [`action-script ${holdScript(holdOf(record))}`, ...PAGES_OPTIONS]);
    await mkdir(target.imagesDir, { recursive: true, mode: 0o700 });
    const tool = runc.dump(record.name, { imagesDir: target.imagesDir, workDir: workOf(record) });
    target.takePages(tool.socket);
    const failed = tool.ended.then(() => {
      throw new Error('the dump ended without being held');
    });
    const ready = Promise.race([hold.ready, failed]);
    // While it dumps criu thaws what was frozen, and holds it by tracing alone: a criu that died would let it run on.
    const fenced = hold.held.then(() => freezeProcessesIn(cgroupOf(record)));
    const held = Promise.race([fenced, failed]);
    for (const later of [ready, fenced, held]) later.catch(() => undefined);
    return {
      ready,
      held,
      begin: () => hold.begin(),
      async commit() {
        hold.decide('commit');
        // criu waits for what it kills, and what is frozen does not die. How it ends does not matter: all is dumped.
        await endProcesses(record);
        await tool.ended.catch(() => undefined).finally(() => hold.close());
      },
      async rollBack() {
        hold.decide('roll-back');
        const left = await runc.dumpEnds(record.name, tool);
        await hold.close();
        if (left) throw new Error(`criu does not let go of ${record.name}`);
        runc.clearDumpMarker(record.name);
      },
    };
  }
}

/**
 * Lets the tasks that are restored read their images. The first one begins as the node's root without a capability, before
 * its user namespace has a map, and is the cnvm's root after it: so it needs the owner's way at first, and the group's later.
 */
function shareImages(directory: string, group: number): void {
  chownSync(directory, 0, group);
  chmodSync(directory, 0o750);
  for (const name of readdirSync(directory)) {
    chownSync(join(directory, name), 0, group);
    chmodSync(join(directory, name), 0o640);
  }
}

async function writeCriuConfig(path: string, more: readonly string[]): Promise<void> {
  // Half-open connections are left out: their clients try again, and a dump must not fail for one of them.
  const lines = [`ghost-limit ${GHOST_LIMIT_BYTES}`, 'link-remap', 'skip-in-flight', ...more];
  await writeFile(path, `${lines.join('\n')}\n`);
}
