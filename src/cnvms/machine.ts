/**
 * The port through which cnvms and migrations reach the host: what can be done to one cnvm's processes and disk.
 * Invariant: each call acts on the one cnvm it is given and knows nothing of owners, epochs or peers.
 */
import type { Duplex } from 'node:stream';
import type { CnvmRecord } from './cnvm.js';
import type { ExecIo, ExecOrder } from './exec-order.js';

export interface Look {
  readonly status: 'stopped' | 'running' | 'frozen';
  /** 0 when it is stopped. */
  readonly pid: number;
}

/** A dump, made ready while the cnvm runs and begun when it is frozen. Its processes stay frozen through all of it. */
export interface Dump {
  /** Resolves when it waits for `begin`; until then nothing of the cnvm is touched. @throws `tool` when it cannot start. */
  readonly ready: Promise<void>;
  /** Begins it. The cnvm must be frozen. */
  begin(): void;
  /** Resolves when everything is dumped and criu waits for a verdict. @throws `tool` when it could not be dumped. */
  readonly held: Promise<void>;
  /** Lets criu kill what it dumped. Afterwards nothing of it runs here, ever again. */
  commit(): Promise<void>;
  /** Ends the dump, begun, held or neither. Afterwards the processes are whole, and as frozen as before. */
  rollBack(): Promise<void>;
}

/** Memory of one that runs, as it was at one moment. Its processes stand still only while that is taken. */
export interface PreDump {
  /** Resolves when all of it has been taken. @throws `tool` otherwise: then the next dump must build on none. */
  readonly done: Promise<MemoryTaken>;
  /** Ends it when it has not ended; its pages must not be taken any more. Afterwards the processes are whole and run. */
  rollBack(): Promise<void>;
}

export interface MemoryTaken {
  readonly pages: number;
  /** For so long the processes stood still. */
  readonly frozenMs: number;
}

export interface DumpTarget {
  /** A directory in memory for all but the pages. */
  readonly imagesDir: string;
  /** That of the dump before, beside it: then only what has changed since is dumped. */
  readonly parentDir?: string | undefined;
  /** Takes the stream on which the pages come, in criu's words; to break it fails the dump. */
  takePages(stream: Duplex): void;
  /** Its own memory is left where it is and not sent: `openMemory` reads it. All the rest is in `imagesDir`. */
  readonly lazy?: boolean;
}

/** The memory of one that is frozen, at the moment of its freeze. */
export interface FrozenMemory {
  /**
   * @param pid its id inside. @returns so many bytes, or whole pages up to where its memory ends. @throws when it has no
   * such memory, or is not frozen any more.
   */
  read(pid: number, address: number, bytes: number): Promise<Uint8Array>;
  close(): Promise<void>;
}

/** The memory of one that runs while it still comes. */
export interface LazyMemory {
  /** How long it took to let the packets in. */
  readonly networkMs: number;
  /** Resolves when all of it is here. @throws when it never will be: nothing of the cnvm runs any more then. */
  readonly complete: Promise<void>;
  /** Gives up: what is not here will not come, and `complete` fails. */
  breakOff(): void;
}

export interface Machine {
  /**
   * To be asked before anything durable says that its directory is its own, and may be removed with it.
   * @throws `refused` when that exists: it may be somebody's data; and when the cnvm's root could not get to it.
   */
  demandRoom(record: CnvmRecord): Promise<void>;
  /** Makes its empty disk. @throws `refused` when its directory exists. */
  make(record: CnvmRecord): Promise<void>;
  /** Starts it. Afterwards its init runs; when this throws, nothing of it does. */
  boot(record: CnvmRecord): Promise<void>;
  /** Stops it: its stop signal, and KILL after `graceMs`. Afterwards nothing of it runs and nothing is mounted. */
  halt(record: CnvmRecord, graceMs: number): Promise<void>;
  /** Ends it at once, frozen or not, and clears what it leaves. Its disk stays. */
  destroy(record: CnvmRecord): Promise<void>;
  /** Removes its disk. It must not run. */
  erase(record: CnvmRecord): Promise<void>;
  look(record: CnvmRecord): Promise<Look>;
  /** Of one that was to be restored: whether all of it was. One that was broken off may look as if it ran. */
  isWhole(record: CnvmRecord): Promise<boolean>;
  usage(record: CnvmRecord): Promise<{ memoryBytes: number; diskBytes: number }>;
  /** The directory that holds all of its disk that is not its image's. */
  diskDirectory(record: CnvmRecord): string;
  /**
   * Writes out what is in memory of its files. A file whose time is before the one returned (ms of the epoch, this node's
   * clock) has not been changed since, not even through mapped memory: the first such write after this shows in its time.
   * 0 when that cannot be said of any.
   */
  flushDisk(record: CnvmRecord): Promise<number>;
  /**
   * Writes all of its disk into the file `archive`, which need not be of a file system that knows owners. Nothing of it may
   * run meanwhile: it is frozen, or stopped.
   */
  packDisk(record: CnvmRecord, archive: string, signal: AbortSignal): Promise<void>;
  /** Fills its disk, as `expect` has made it, with what `packDisk` wrote of this cnvm or another. */
  unpackDisk(record: CnvmRecord, archive: string, signal: AbortSignal): Promise<void>;
  /** Writes its name and address into its disk, where those of another may be. It must not run. */
  rename(record: CnvmRecord): Promise<void>;
  /** What keeps it from being moved while it runs, each a sentence; empty when nothing does. */
  obstacles(record: CnvmRecord): Promise<string[]>;
  /** What it would lose when it is moved while it runs, each a sentence. */
  losses(record: CnvmRecord): Promise<string[]>;
  /** How many connections its programs have closed that still have something to deliver: a dump knows nothing of them. */
  closing(record: CnvmRecord): Promise<number>;
  /** @returns the exit code. */
  exec(record: CnvmRecord, order: ExecOrder, io: ExecIo): Promise<number>;
  /** Its system log. */
  logs(record: CnvmRecord, tailLines: number, follow: boolean, signal: AbortSignal): AsyncIterable<Uint8Array>;

  /** Freezes it where it is, packets kept from it. Whatever dies afterwards, only `thaw` lets it run on. */
  freeze(record: CnvmRecord): Promise<void>;
  /** Lets it run on, as fast as it may. Harmless when it runs. */
  thaw(record: CnvmRecord): Promise<void>;
  /** The CPU time that its processes have used. */
  cpuMs(record: CnvmRecord): Promise<number>;
  /** Gives it so much of the CPU (thousandths of one) until `unthrottle` or `thaw`, and never more than its own limit. */
  throttle(record: CnvmRecord, cpuMillis: number): Promise<void>;
  /** Gives it what its limit says. Harmless when it has that. */
  unthrottle(record: CnvmRecord): Promise<void>;
  /** Begins to take the memory of one that runs. */
  preDump(record: CnvmRecord, target: DumpTarget): Promise<PreDump>;
  /** Makes a dump ready, of one that runs or is frozen. */
  dump(record: CnvmRecord, target: DumpTarget): Promise<Dump>;
  /**
   * Makes room for one that comes: its empty disk and what can be mounted before the disk is whole.
   * @throws `refused` when its directory exists; when this throws, nothing of the room is there.
   */
  expect(record: CnvmRecord): Promise<void>;
  /** Mounts the disk that has come and keeps packets from its address, so that `restore` need not. */
  assemble(record: CnvmRecord): Promise<void>;
  /**
   * Begins a restore of images that are still coming, after `assemble`: `restore` then goes on with it and takes less time.
   * The first image that is waited for is written under another name (`besideGate`). `destroy` calls it off, and a restore
   * that was not begun, or of which this failed, is as good.
   */
  beginRestore(record: CnvmRecord, imagesDir: string): Promise<void>;
  /**
   * Runs what was dumped elsewhere. Afterwards it runs here, and packets reach it; when this throws, nothing of it does.
   * @returns how long it took to let the packets in. @throws `tool` when nothing of it ran, so that it can be tried again;
   * anything else when it may have run for a moment, with no packet in or out: its disk is not what was dumped any more.
   */
  restore(record: CnvmRecord, imagesDir: string): Promise<{ networkMs: number }>;

  /** For one whose dump, a lazy one, is held or was. @throws when it is not frozen. */
  openMemory(record: CnvmRecord): Promise<FrozenMemory>;
  /**
   * Runs what was dumped lazily elsewhere, its memory still there. Afterwards it runs here, and what it has not got of its
   * memory it waits for; when this throws, nothing of it does.
   * @param takeRequests takes the stream on which its memory is asked for, in criu's words.
   */
  restoreLazily(record: CnvmRecord, imagesDir: string, takeRequests: (stream: Duplex) => void): Promise<LazyMemory>;
  /** Of one that was restored lazily and runs: whether all of its memory is here. */
  hasMemory(record: CnvmRecord): Promise<boolean>;
}
