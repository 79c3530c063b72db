/**
 * The cnvms that this node owns, and what can be done to them. Invariant: every act takes the cnvm's lock, is checked
 * against the table of legal acts, and a record on disk exists before anything of the cnvm does.
 */
import type { Logger } from 'pino';
import { refused } from '../base/errors.js';
import { createUndo } from '../base/undo.js';
import type { StoredImage } from '../images/image.js';
import { uidBase } from './address.js';
import type { Taken } from './check-new.js';
import type { CnvmRecord, CnvmState, CnvmView, NewCnvm, PublishedPort } from './cnvm.js';
import type { ExecIo, ExecOrder } from './exec-order.js';
import type { Locks } from './locks.js';
import type { Machine } from './machine.js';
import { type PortUse, planNew } from './plan-new.js';
import { type Among, type Held, type Reserving, reserveFor } from './reserve-port.js';
import { createRestarts } from './restarts.js';
import { conflictText, forceRefusal, type Rival, rivalry } from './rivalry.js';
import { type Act, illegal } from './states.js';
import type { Store } from './store.js';

/** What this room needs of the mesh. */
export interface DirectoryPort {
  /** Names and addresses in use anywhere, as far as is known. */
  taken(): Taken;
  /** The node that owns this cnvm, when it is a peer. */
  ownerOf(name: string): string | undefined;
  /** The highest claim of a peer to what lies here, when it is not below ours: at a higher epoch ours is an old copy. */
  rival(own: Pick<CnvmRecord, 'name' | 'epoch'>): Rival | undefined;
  /** Cnvms of peers. */
  elsewhere(): CnvmView[];
  /** Tells the peers, soon, what this node owns now. */
  changed(): void;
}

/** What this room needs of the images. */
export interface ImagesOfNode {
  /** @throws `refused` when none, or more than one, is meant by that. */
  find(wanted: string): StoredImage;
  /** Afterwards it stays, until what is returned is called. */
  hold(digest: string): () => void;
}

export interface CnvmsOptions {
  readonly node: string;
  readonly overlayNetwork: string;
  readonly landingZones: readonly string[];
  readonly images: ImagesOfNode;
  /** Which of these ports somebody else on this node uses, each a sentence. */
  readonly busyPorts: (ports: readonly PublishedPort[]) => Promise<readonly string[]>;
  readonly store: Store;
  readonly locks: Locks;
  readonly machine: Machine;
  readonly directory: DirectoryPort;
  readonly reserving: Reserving;
  /** @throws `refused` while this node takes no new work. */
  readonly demandOpen: () => void;
  readonly log: Logger;
}

/** States that a migration puts a cnvm into, beside what its processes do. */
export type Mark = Extract<CnvmState, 'frozen' | 'arriving' | 'in-doubt' | 'removing'>;

export type Cnvms = ReturnType<typeof createCnvms>;

const DEFAULT_GRACE_MS = 10_000;
/** What an old copy must not do. */
const GOES_ON: readonly Act[] = ['start', 'migrate-hot', 'migrate-cold'];

/** Those that were asked for, and those that the image listens on where that was asked for. */
function portsOf({ ports, publishExposed }: NewCnvm, image: StoredImage): PublishedPort[] {
  const exposed = publishExposed ? image.program.ports : [];
  return [...ports, ...exposed.map(({ port, protocol }) => ({ nodePort: port, cnvmPort: port, protocol }))];
}

export function createCnvms(options: CnvmsOptions) {
  const { node, store, locks, machine, directory, images, log } = options;
  const marks = new Map<string, Mark>();
  // An address and ports are spoken for from the moment they are given, though the record is not yet on disk.
  const promised = new Map<string, CnvmRecord>();

  function recordOf(name: string): CnvmRecord {
    const record = store.get(name);
    if (record !== undefined) return record;
    const owner = directory.ownerOf(name);
    if (owner === undefined) throw refused('not-found', `there is no cnvm ${name}`);
    throw refused('not-found', `${name} is not on ${node}: it is on ${owner}`, {
      location: owner,
      remedy: `Ask ${owner}.`,
    });
  }

  async function stateOf(record: CnvmRecord): Promise<CnvmState> {
    return marks.get(record.name) ?? (await machine.look(record)).status;
  }

  async function view(record: CnvmRecord): Promise<CnvmView> {
    const { pid, status } = await machine.look(record);
    const usage = await machine.usage(record);
    const state = marks.get(record.name) ?? status;
    const conflict = conflictOf(record) ?? '';
    return {
      conflict,
      record,
      state,
      pid,
      ...usage,
      directory: `${record.landing}/${record.name}`,
      uidBase: uidBase(record.address),
    };
  }

  const isBusy = (name: string) => marks.has(name) || locks.doing(name) !== undefined;

  /** Who else claims it, in words. While it moves two nodes have it for a moment: its journal knows better. */
  function conflictOf(record: CnvmRecord): string | undefined {
    const rival = directory.rival(record);
    return rival === undefined || isBusy(record.name) ? undefined : conflictText(record, rival);
  }

  /** @throws `refused` when `act` is not legal now. */
  async function demand(record: CnvmRecord, act: Act): Promise<void> {
    const rival = GOES_ON.includes(act) ? directory.rival(record) : undefined;
    if (rival !== undefined) throw rivalry(act, record, rival, node);
    const why = illegal(act, await stateOf(record));
    if (why !== undefined)
      throw refused('state', `cannot ${act.replace('-', ' ')} ${record.name}: ${why}`, { location: node });
  }

  async function want(record: CnvmRecord, wanted: CnvmRecord['wanted']): Promise<CnvmRecord> {
    const next = { ...record, wanted };
    if (record.wanted !== wanted) await store.put(next);
    return next;
  }

  /** Of two claims at one epoch the next epoch is the higher one, on every node and for good. */
  async function outbid(record: CnvmRecord): Promise<CnvmRecord> {
    const rival = directory.rival(record);
    if (rival?.epoch !== record.epoch) return record;
    const why = forceRefusal(record, rival);
    if (why !== undefined) throw why;
    const next = { ...record, epoch: record.epoch + 1 };
    await store.put(next);
    log.warn({ cnvm: record.name, epoch: next.epoch }, 'made the owner by force');
    return next;
  }

  /** @throws `refused` with every reason. */
  function plan(order: NewCnvm, image: StoredImage, use: PortUse, among: Among): CnvmRecord {
    const [taken, here] = [directory.taken(), store.all()];
    return planNew(order, image, { ...options, ...use, among, taken, here, promised: [...promised.values()] });
  }

  async function make(record: CnvmRecord, start: boolean): Promise<void> {
    const undo = createUndo((what, error) => log.error({ cnvm: record.name, what, error }, 'could not undo'));
    // Before a record says that what lies there is this cnvm's.
    await machine.demandRoom(record);
    try {
      await store.put(record);
      undo.add('record', () => store.remove(record.name));
      await machine.make(record);
      undo.add('disk', () => machine.erase(record));
      if (start) await machine.boot(record);
    } catch (error) {
      await undo.run();
      throw error;
    }
  }

  return {
    recordOf,
    stateOf,
    demand,
    marks,

    /** Makes a cnvm and starts it if told so. @throws with nothing left behind. */
    async create(order: NewCnvm): Promise<CnvmView> {
      options.demandOpen();
      return await locks.with(order.name, 'being created', async () => {
        const image = images.find(order.image);
        const letGo = images.hold(image.digest);
        let held: Held<CnvmRecord> | undefined;
        try {
          const ports = portsOf(order, image);
          const busy = await options.busyPorts(ports);
          held = await reserveFor<CnvmRecord>(options.reserving, {
            given: order.address !== undefined,
            choose(among) {
              const record = plan(order, image, { ports, busy }, among);
              promised.set(record.address, record);
              return record;
            },
            drop: ({ address }) => void promised.delete(address),
          });
          await make(held.wish, order.start);
        } finally {
          if (held !== undefined) promised.delete(held.wish.address);
          held?.release();
          letGo();
        }
        log.info({ cnvm: order.name, address: held.wish.address }, 'created');
        directory.changed();
        return await view(held.wish);
      });
    },

    /** @param force makes this node the owner when another one claims it at the same epoch and does not run it. */
    async start(name: string, force = false): Promise<CnvmView> {
      return await locks.with(name, 'being started', async () => {
        const record = force ? await outbid(recordOf(name)) : recordOf(name);
        await demand(record, 'start');
        const stopped = (await machine.look(record)).status === 'stopped';
        if (stopped) options.demandOpen();
        const wanted = await want(record, 'running');
        if (stopped) await machine.boot(wanted);
        directory.changed();
        return await view(wanted);
      });
    },

    async stop(name: string, graceMs = DEFAULT_GRACE_MS): Promise<CnvmView> {
      return await locks.with(name, 'being stopped', async () => {
        const record = recordOf(name);
        await demand(record, 'stop');
        const wanted = await want(record, 'stopped');
        await machine.halt(wanted, graceMs);
        directory.changed();
        return await view(wanted);
      });
    },

    /** Afterwards neither cnvm nor disk is there. @throws `refused` when it runs and `force` was not given. */
    async remove(name: string, force: boolean): Promise<void> {
      await locks.with(name, 'being removed', async () => {
        const record = recordOf(name);
        if (force && (await stateOf(record)) === 'running')
          await machine.halt(await want(record, 'stopped'), DEFAULT_GRACE_MS);
        await demand(record, 'remove');
        marks.set(name, 'removing');
        try {
          await machine.destroy(record);
          await machine.erase(record);
          await store.remove(name);
        } finally {
          marks.delete(name);
        }
        log.info({ cnvm: name }, 'removed');
        directory.changed();
      });
    },

    /** Of each cnvm here its state and who else claims it, in words; it costs less than a whole view. */
    states: async () =>
      await Promise.all(
        store
          .all()
          .map(async (record) => ({ record, state: await stateOf(record), conflict: conflictOf(record) ?? '' })),
      ),

    get: async (name: string): Promise<CnvmView> => await view(recordOf(name)),

    async list(all: boolean): Promise<CnvmView[]> {
      const own = await Promise.all(store.all().map(view));
      if (!all) return own;
      // One that is being handed over is still here, and may be claimed there already. An old copy is shown beside the new one.
      const here = new Set(own.map(({ record }) => record.name));
      const moving = (name: string) => here.has(name) && (isBusy(name) || store.get(name) === undefined);
      return [...own, ...directory.elsewhere().filter(({ record }) => !moving(record.name))];
    },

    async exec(order: ExecOrder, io: ExecIo): Promise<number> {
      const record = recordOf(order.name);
      await demand(record, 'exec');
      if (locks.doing(order.name) !== undefined) throw refused('state', `${order.name} is ${locks.doing(order.name)}`);
      return await machine.exec(record, order, io);
    },

    async *logs(name: string, tailLines: number, follow: boolean, signal: AbortSignal): AsyncGenerator<Uint8Array> {
      yield* machine.logs(recordOf(name), tailLines, follow, signal);
    },

    ...createRestarts({ ...options, marks, stateOf, conflictOf, want, graceMs: DEFAULT_GRACE_MS }),
  };
}
