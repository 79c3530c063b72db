/**
 * What the kernel shows in /proc of processes: what each holds open, maps, and belongs to. Invariant: only read; a process
 * that ends meanwhile is left out, and what of it cannot be seen any more is not there.
 */
import { readdirSync, readFileSync, readlinkSync, type Stats, statSync } from 'node:fs';
import { setImmediate as breathe } from 'node:timers/promises';
import { socketProtocols } from './sockets.js';

export type DescriptorKind = 'file' | 'character' | 'block' | 'socket' | 'other';

export interface Descriptor {
  readonly fd: number;
  /** As the kernel names it: a path, or for example "anon_inode:[eventfd]". */
  readonly target: string;
  readonly kind: DescriptorKind;
  /** Of a device: its major and minor number. */
  readonly device?: readonly [number, number];
  /** Of a file: the mount through which it was opened. */
  readonly mount?: number;
  /** Of a file that has no name any more: what it takes on disk. */
  readonly deletedBytes?: number;
  /** Of a socket, by the kernel's own name; empty when it does not say. */
  readonly protocol?: string;
}

export interface Mount {
  readonly id: number;
  readonly mountpoint: string;
  readonly type: string;
  /** Which part of its file system it shows; "/" is all of it. */
  readonly root: string;
}

export interface ProcessFacts {
  /** As the node numbers it. */
  readonly pid: number;
  /** Its number in each process namespace from the node's on inwards. */
  readonly numbers: readonly number[];
  readonly command: string;
  /** The processes that trace one of its threads. */
  readonly tracers: readonly number[];
  /** By their kind, such as "uts"; those of a process that has ended and is not waited for are not to be seen. */
  readonly namespaces: Readonly<Record<string, string>>;
  readonly descriptors: readonly Descriptor[];
  /** Names of what it maps that is no ordinary memory or file, each once. */
  readonly mappings: readonly string[];
  readonly mounts: readonly Mount[];
}

/** Others are the same for all of a cnvm, or of no meaning here. */
const NAMESPACES = ['ipc', 'mnt', 'net', 'pid', 'time', 'user', 'uts'];
/** Of what is mapped only these can be something else than memory and files. Shared memory looks like a device. */
const SPECIAL_MAPPING = /^(?:anon_inode:|\/dev\/(?!shm\/|zero))/;
const BLOCK_BYTES = 512;

/** @param pids as the node numbers them. */
export async function readProcesses(pids: readonly number[]): Promise<ProcessFacts[]> {
  const found: ProcessFacts[] = [];
  // Processes share mounts; each list is read once.
  const mounts = new Map<string, readonly Mount[]>();
  for (const pid of pids) {
    const facts = readProcess(pid, mounts);
    if (facts !== undefined) found.push(facts);
    // Each is a matter of a millisecond or less, and there may be thousands.
    await breathe();
  }
  return await withProtocols(found);
}

function readProcess(pid: number, known: Map<string, readonly Mount[]>): ProcessFacts | undefined {
  const status = read(`/proc/${pid}/status`);
  if (status === undefined) return undefined;
  const namespaces: Record<string, string> = {};
  for (const kind of NAMESPACES) {
    const name = attempt(() => readlinkSync(`/proc/${pid}/ns/${kind}`));
    if (name !== undefined) namespaces[kind] = name;
  }
  const mountNamespace = namespaces['mnt'] ?? '';
  const mounts = known.get(mountNamespace) ?? mountsOf(read(`/proc/${pid}/mountinfo`) ?? '');
  known.set(mountNamespace, mounts);
  return {
    pid,
    numbers: (/^NSpid:\s*(.*)$/m.exec(status)?.[1] ?? String(pid)).split(/\s+/).map(Number),
    command: /^Name:\s*(.*)$/m.exec(status)?.[1] ?? '',
    tracers: tracersOf(pid),
    namespaces,
    descriptors: list(`/proc/${pid}/fd`)
      .map((fd) => readDescriptor(pid, fd))
      .filter((one) => one !== undefined),
    mappings: mappingsOf(read(`/proc/${pid}/maps`) ?? ''),
    mounts,
  };
}

function tracersOf(pid: number): number[] {
  const tracers = list(`/proc/${pid}/task`).map((thread) => {
    const status = read(`/proc/${pid}/task/${thread}/status`) ?? '';
    return Number(/^TracerPid:\s*(\d+)$/m.exec(status)?.[1] ?? 0);
  });
  return [...new Set(tracers)].filter((tracer) => tracer !== 0);
}

function readDescriptor(pid: number, fd: string): Descriptor | undefined {
  const path = `/proc/${pid}/fd/${fd}`;
  const target = attempt(() => readlinkSync(path));
  if (target === undefined) return undefined;
  const one = { fd: Number(fd), target };
  if (target.startsWith('socket:')) return { ...one, kind: 'socket' };
  if (!target.startsWith('/')) return { ...one, kind: 'other' };
  const stat = attempt(() => statSync(path));
  if (stat === undefined) return undefined;
  const mount = /^mnt_id:\s*(\d+)$/m.exec(read(`/proc/${pid}/fdinfo/${fd}`) ?? '')?.[1];
  return { ...one, ...kindOf(stat), ...(mount === undefined ? {} : { mount: Number(mount) }) };
}

function kindOf(stat: Stats): Pick<Descriptor, 'kind' | 'device' | 'deletedBytes'> {
  const kind = stat.isCharacterDevice() ? 'character' : stat.isBlockDevice() ? 'block' : undefined;
  if (kind !== undefined) return { kind, device: [major(stat.rdev), minor(stat.rdev)] };
  if (!stat.isFile() && !stat.isDirectory()) return { kind: 'other' };
  return { kind: 'file', ...(stat.nlink === 0 ? { deletedBytes: stat.blocks * BLOCK_BYTES } : {}) };
}

/** As the C library packs them. */
const major = (device: number): number => Math.floor(device / 2 ** 8) % 2 ** 12;
const minor = (device: number): number => (device % 2 ** 8) + Math.floor(device / 2 ** 20) * 2 ** 8;

function mappingsOf(maps: string): string[] {
  const names = maps.split('\n').map((line) => /^(?:\S+\s+){5}(.+)$/.exec(line)?.[1] ?? '');
  return [...new Set(names)].filter((name) => SPECIAL_MAPPING.test(name));
}

/** @param text as in mountinfo: "ID PARENT MAJOR:MINOR ROOT MOUNTPOINT OPTIONS ... - TYPE SOURCE ...". */
export function mountsOf(text: string): Mount[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const [before = '', after = ''] = line.split(' - ');
      const [id, , , root = '', mountpoint = ''] = before.split(' ');
      return { id: Number(id), root, mountpoint, type: after.split(' ')[0] ?? '' };
    });
}

async function withProtocols(processes: readonly ProcessFacts[]): Promise<ProcessFacts[]> {
  // Each socket once, however many hold it.
  const paths = new Map<string, string>();
  for (const { pid, descriptors } of processes) {
    for (const { kind, target, fd } of descriptors) if (kind === 'socket') paths.set(target, `/proc/${pid}/fd/${fd}`);
  }
  if (paths.size === 0) return [...processes];
  const protocols = await socketProtocols([...paths.values()]);
  const named = (one: Descriptor): Descriptor =>
    one.kind === 'socket' ? { ...one, protocol: protocols.get(paths.get(one.target) ?? '') ?? '' } : one;
  return processes.map((process) => ({ ...process, descriptors: process.descriptors.map(named) }));
}

const list = (directory: string): string[] => attempt(() => readdirSync(directory)) ?? [];
const read = (file: string): string | undefined => attempt(() => readFileSync(file, 'utf8'));

/** Undefined when what is looked at has just gone. */
function attempt<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch {
    return undefined;
  }
}
