/**
 * A host that is not there: keeps what a real one keeps, over the daemons that come and go on it. Invariant: a daemon
 * that has been cut off changes nothing any more, and hears of nothing; what it had begun with a program goes on without
 * it, and what hung on its sockets ends.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { createLog } from '../../src/base/log.js';
import type { CnvmRecord, ImageRef } from '../../src/cnvms/cnvm.js';
import { createImages } from '../../src/images/images.js';
import { openImageStore } from '../../src/images/store.js';
import type { Published } from '../../src/overlay/publish.js';
import type { Host } from '../../src/parts.js';
import { type FakeImageOptions, fakeImage, HERE, writeLayout } from '../support/fake-image.js';
import { createFakeImageTools, newRegistry } from '../support/fake-image-tools.js';
import { facts, NO_CARD } from '../support/samples.js';
import { createFakeBulk } from './fake-bulk.js';
import { createFakeMachine } from './fake-machine.js';
import { createState, type Files, newProcesses, residue, type Writer } from './fake-state.js';
import { createFakeSweep } from './fake-sweep.js';
import { createPlan, type Plan, type Step } from './plan.js';
import type { Witness } from './witness.js';

const SILENT = createLog({ level: 'fatal', pretty: false }, {});
export const LANDING = '/home/cnvm/sneakers';

export interface FakeHostOptions {
  readonly node: string;
  readonly overlayAddress: string;
  /** The host's own, gone with the test. */
  readonly directory: string;
  readonly witness: Witness;
}

/** One daemon's hold on the host. */
export interface Lease {
  readonly host: Host;
  /** The daemon is dead from now on: its calls do not come back. */
  cut(): void;
}

export type FakeHost = ReturnType<typeof createFakeHost>;

export function createFakeHost({ node, overlayAddress, directory, witness }: FakeHostOptions) {
  const state = createState(node, witness);
  const plan = createPlan();
  const runDir = join(directory, 'scratch');
  const imagesDir = join(directory, 'images');
  const registry = newRegistry();
  const busyPorts = new Set<string>();
  let pressure = 0;
  let published: readonly Published[] = [];
  let peers: readonly string[] = [];
  // As the daemons of this host find it, one after the other.
  let imageStore = openImageStore(imagesDir);
  const machine = createFakeMachine(state, plan, (digest) => imageStore.byDigest(digest) !== undefined);
  const bulk = createFakeBulk(state, runDir, plan);
  const sweep = createFakeSweep(state, (migration) => bulk.sweep(migration));
  const overlay: Host['overlay'] = {
    start: async () => undefined,
    setBehind: async (world) => {
      peers = world.peers.map(({ name }) => name);
    },
    card: () => NO_CARD,
    prepareKey: async () => undefined,
    changeKey: async () => undefined,
    publish: async (wanted) => {
      published = wanted;
    },
    unwire: async (address) => void state.closed.delete(address),
  };
  /** What the port promises to have taken back when it throws. */
  const takeBack: Partial<Record<Step, (record: CnvmRecord) => Promise<void>>> = {
    'machine.make': machine.erase,
    'machine.boot': machine.destroy,
    'machine.expect': async (record) => {
      await machine.destroy(record);
      await machine.erase(record);
    },
    'machine.dump': async (record) => state.processes.get(record.name)?.endDump?.(),
    'machine.preDump': async (record) => state.processes.get(record.name)?.endDump?.(),
    'machine.restore': async (record) => {
      witness.rests(record, node);
      state.processes.delete(record.name);
    },
  };

  function processesOf(name: string) {
    const found = state.processes.get(name);
    if (found === undefined) throw new Error(`${name} has no processes on ${node}`);
    return found;
  }

  return {
    node,
    plan,
    machine,
    bulk,
    registry,
    busyPorts,
    published: () => published,
    /** Those to which the overlay leads. */
    overlayPeers: () => peers,
    images: () => imageStore,
    /** The base image is here, or another one is as small. */
    async addImage(name = 'base', options: Partial<FakeImageOptions> = {}): Promise<ImageRef> {
      const image = fakeImage({ layers: [{ 'etc/base': 'base' }], ...options });
      const layout = join(directory, `layout-${name}`);
      writeLayout(layout, image);
      const images = createImages({
        ...{ node, store: imageStore, tools: createFakeImageTools(newRegistry()), architecture: HERE, log: SILENT },
        ...{ usedBy: () => [], peers: () => [] },
      });
      const source = { source: `oci:${layout}`, name, insecure: false, entrypoint: [], system: false };
      await images.pull(source, () => undefined, new AbortController().signal);
      return { name, digest: image.digest };
    },

    lease(): Lease {
      const life = { over: false };
      imageStore = openImageStore(imagesDir);
      return {
        host: {
          machine: watched('machine', machine, life, plan, takeBack),
          bulk: watched('bulk', bulk, life, plan, takeBack),
          overlay: watched('overlay', overlay, life, plan, takeBack),
          imageStore,
          imageTools: createFakeImageTools(registry),
          isPortBusy: async (port, protocol) => {
            await plan.reach('ports.look', 'before');
            return busyPorts.has(`${port}/${protocol}`);
          },
          endOrphans: async () => [],
          facts: (cnvmCount) => async () => {
            await plan.reach('host.facts', 'before');
            return facts(node, { overlayAddress, cnvmCount: cnvmCount(), softDirty: state.tracks });
          },
          betweenJournal: (journal) => ({
            ...journal,
            async write(entry) {
              await plan.reach(`journal.${entry.state}`, 'before');
              await journal.write(entry);
            },
          }),
          check: async () => [],
          memoryPressure: async () => pressure,
          sweep: async (ports) => {
            if (!life.over) await sweep(ports);
          },
        },
        cut() {
          life.over = true;
          for (const end of state.ofDaemon) end();
          for (const { endDump } of state.processes.values()) endDump?.();
        },
      };
    },

    /** Power is cut and comes back: what is on disk is all that is left. */
    reboot(): void {
      for (const { record, endDump } of state.processes.values()) {
        endDump?.();
        witness.rests(record, node);
      }
      for (const images of state.images.keys()) void bulk.closeImages(images);
      for (const disk of state.disks.values()) disk.mounted = false;
      for (const things of [state.processes, state.shownImages, state.closed, state.watched]) things.clear();
    },

    residue: (): string[] => residue(state),
    /** "running", "frozen", "stopped", or "running, unreachable" when packets are kept from it. */
    stateOf(name: string): string {
      const found = state.processes.get(name);
      if (found === undefined) return 'stopped';
      const unreachable = found.status === 'running' && state.closed.has(found.record.address);
      return unreachable ? 'running, unreachable' : found.status;
    },

    /** A process of the cnvm keeps a value in its memory. */
    remember(name: string, key: string, value: string): void {
      const found = processesOf(name);
      if (found.status !== 'running') throw new Error(`${name} is frozen on ${node}`);
      found.memory[key] = value;
    },
    /** Something waits for memory, in so many percent of the time. */
    press(percent: number): void {
      pressure = percent;
    },
    /** Its processes hold what cannot be dumped. */
    hinder(name: string, ...reasons: string[]): void {
      state.obstacles.set(name, reasons);
    },
    /** Its processes have what a move drops. */
    burden(name: string, ...losses: string[]): void {
      state.losses.set(name, losses);
    },
    /** So many of its connections are closing, look by look. */
    closes(name: string, ...counts: number[]): void {
      state.closing.set(name, counts);
    },
    /** From now on no disk is as it was when it is looked at again. */
    writeLogs(): void {
      state.writesLogs = true;
    },
    /** Its kernel tells which pages have changed, or does not. */
    track(tracks: boolean): void {
      state.tracks = tracks;
    },
    /** A process of the cnvm writes so much memory between two dumps of it, wherever it runs on this host. */
    writes(name: string, writer: Writer): void {
      state.writers.set(name, writer);
    },
    /** What it is held to of the CPU, in thousandths; undefined when it is not. */
    cpuOf: (name: string): number | undefined => processesOf(name).cpuMillis,
    /** @throws while its memory is still elsewhere: a process would wait. */
    recall(name: string, key: string): string | undefined {
      const found = processesOf(name);
      if (found.lacking) throw new Error(`${name} on ${node} waits for its memory`);
      return found.memory[key];
    },
    /** A process of the cnvm writes a file. */
    write(name: string, path: string, text: string, landing = LANDING): void {
      const { status } = processesOf(name);
      const disk = state.disks.get(join(landing, name));
      if (status !== 'running' || !disk?.mounted) throw new Error(`nothing in ${name} can write on ${node}`);
      disk.files[path] = text;
    },
    suspectAfterMs: (name: string): number | undefined => state.disks.get(join(LANDING, name))?.suspectAfterMs,
    filesOf: (name: string, landing = LANDING): Files | undefined => state.disks.get(join(landing, name))?.files,
    /** What a daemon long gone has left: nothing that runs. */
    leave({ name, address, migration }: { name: string; address: string; migration: string }): void {
      state.shownImages.add(name);
      state.bundles.add(name);
      state.closed.add(address);
      mkdirSync(join(runDir, 'images', migration), { recursive: true });
      state.images.set(migration, join(runDir, 'images', migration));
    },
    /** Processes that no daemon of this node has started. */
    intrude(record: CnvmRecord): void {
      state.processes.set(record.name, newProcesses(record, {}));
    },
    /** Somebody else's directory lies where a cnvm's would. */
    occupy(name: string): void {
      state.disks.set(join(LANDING, name), { files: { mine: 'dear to me' }, mounted: false, writers: 0 });
    },
  };
}

/** Not a program of the host; `takePages` plans for itself. */
const AT_ONCE = ['diskDirectory', 'logs', 'takePages', 'start', 'card'];

/** The port as one daemon has it: goes through the plan, and never comes back once the daemon is dead. */
function watched<T extends object>(
  room: 'machine' | 'bulk' | 'overlay',
  port: T,
  life: { readonly over: boolean },
  plan: Plan,
  takeBack: Partial<Record<Step, (record: CnvmRecord) => Promise<void>>>,
): T {
  const alive = async () => {
    if (life.over) await new Promise<never>(() => undefined);
  };
  return new Proxy(port, {
    get(target, key: string) {
      const act = Reflect.get(target, key) as (...args: unknown[]) => unknown;
      if (AT_ONCE.includes(key)) return act.bind(target);
      const step = `${room}.${key}` as Step;
      return async (...args: unknown[]) => {
        await alive();
        try {
          const takenBack = () => takeBack[step]?.(args[0] as CnvmRecord);
          return await visit(step, plan, alive, () => act.apply(target, args), takenBack);
        } finally {
          await alive();
        }
      };
    },
  });
}

async function visit(
  step: Step,
  plan: Plan,
  alive: () => Promise<void>,
  act: () => unknown,
  takeBack: () => Promise<void> | undefined,
): Promise<unknown> {
  await plan.reach(step, 'before');
  await alive();
  const result = await act();
  try {
    await plan.reach(step, 'after');
  } catch (error) {
    await takeBack();
    throw error;
  }
  return result;
}
