/**
 * What keeps processes from being moved while they run, pure: what is known of them in, sentences out. Invariant: a no only
 * to what criu refuses to dump, with the process and the descriptor, so that a person can find it.
 */
import { wholeMibFigure } from '../base/figures.js';
import type { Descriptor, Mount, ProcessFacts } from '../tools/process-facts.js';

/** What the kernel makes without a file, and criu knows how to make again. */
const ANONYMOUS_OK = new Set([
  'inotify',
  '[eventfd]',
  '[eventpoll]',
  '[fanotify]',
  '[pidfd]',
  '[signalfd]',
  '[timerfd]',
  'bpf-map',
]);
/** Of the others, those that people know by a name. */
const ANONYMOUS_WORDS: Readonly<Record<string, string>> = {
  '[io_uring]': 'an io_uring',
  '[userfaultfd]': 'a userfaultfd',
  '[perf_event]': 'a performance counter',
  'seccomp notify': 'a seccomp listener',
  '[landlock-ruleset]': 'a Landlock ruleset',
  'bpf-prog': 'a BPF program',
  bpf_link: 'a BPF link',
  'kvm-vm': 'a virtual machine',
  'kvm-vcpu': 'a virtual processor',
};
const MEMORY_MAJOR = 1;
/** Consoles, terminals and pseudo terminals, with serial ones behind them. */
const TERMINAL_MAJORS = [4, 5, ...Array.from({ length: 16 }, (_, index) => 128 + index)];
/** The tunnel's and automount's. */
const MISC_OK = [200, 235];
const MISC_MAJOR = 10;
/** Empty: the kernel did not say, so neither do we. */
const SOCKETS_OK = /^$|^(?:TCP|UDP|UDP-?Lite|RAW)(?:v6)?$|^UNIX|^NETLINK$|^PACKET$/i;
/** Those that a process below init may not have of its own: criu makes again only the cnvm's. */
const NAMESPACE_WORDS: Readonly<Record<string, string>> = {
  ipc: 'System V and message queues',
  pid: 'processes',
  time: 'clocks',
  user: 'users',
  uts: 'a host name',
};
/** What can be mounted anew by its name and options alone. */
const MOUNTS_OK = new Set([
  ...['aufs', 'autofs', 'binfmt_misc', 'btrfs', 'cgroup', 'cgroup2', 'debugfs', 'devpts', 'devtmpfs', 'fusectl'],
  ...['mqueue', 'overlay', 'proc', 'pstore', 'securityfs', 'sysfs', 'tmpfs', 'tracefs'],
]);
/** Memory that has a descriptor, and lies on mounts of the kernel's own. */
const IN_MEMORY = /^\/(?:memfd:|SYSV|anon_hugepage|dev\/zero)/;
/** So many descriptors of one kind are named. */
const NAMED_MAX = 4;

export interface CnvmFacts {
  /** As the node numbers it. */
  readonly init: number;
  readonly processes: readonly ProcessFacts[];
  /** A deleted file that takes more cannot travel. */
  readonly deletedBytesMax: number;
}

/** Every reason why they cannot be moved while they run, each a sentence; empty when none is known. */
export function unmovable(facts: CnvmFacts): string[] {
  const init = facts.processes.find(({ pid }) => pid === facts.init);
  if (init === undefined) return [];
  const level = init.numbers.length - 1;
  const inside = new Map(facts.processes.map(({ pid, numbers }) => [pid, numbers[level] ?? pid]));
  const mounts = new Set(facts.processes.flatMap((task) => task.mounts.map(({ id }) => id)));
  const nameOf = (task: ProcessFacts) => `process ${inside.get(task.pid)} (${task.command})`;
  const ofProcesses = facts.processes.flatMap((task) =>
    [
      ...held(task.descriptors, mounts, facts.deletedBytesMax),
      ...mapped(task),
      ...traced(task, inside),
      ...apart(task, init),
    ].map((reason) => `${nameOf(task)} ${reason}`),
  );
  return [...ofProcesses, ...mountReasons(facts.processes)];
}

/** What descriptors lead to, those to the same kind of thing in one sentence. */
function held(descriptors: readonly Descriptor[], mounts: ReadonlySet<number>, deletedBytesMax: number): string[] {
  const reasons = new Map<string, number[]>();
  for (const one of descriptors) {
    const what = refusedDescriptor(one, mounts, deletedBytesMax);
    if (what !== undefined) reasons.set(what, [...(reasons.get(what) ?? []), one.fd]);
  }
  return [...reasons].map(([what, fds]) => `holds ${what}, ${numbered(fds)}`);
}

function numbered(fds: readonly number[]): string {
  const named = fds.slice(0, NAMED_MAX).join(', ');
  const more = fds.length > NAMED_MAX ? ` and ${fds.length - NAMED_MAX} more` : '';
  return `${fds.length === 1 ? 'descriptor' : 'descriptors'} ${named}${more}`;
}

function refusedDescriptor(one: Descriptor, mounts: ReadonlySet<number>, deletedBytesMax: number): string | undefined {
  const { kind, target } = one;
  if (target.startsWith('anon_inode:')) return refusedAnonymous(target.slice('anon_inode:'.length));
  if (kind === 'socket') return SOCKETS_OK.test(one.protocol ?? '') ? undefined : `a socket of ${one.protocol}`;
  if (kind === 'character') return characterOk(one) ? undefined : `the device ${target}`;
  if (kind === 'block') return `the device ${target}`;
  if (kind !== 'file' || IN_MEMORY.test(target)) return undefined;
  if (one.mount !== undefined && !mounts.has(one.mount)) return `${target}, which is not on any of its mounts`;
  const { deletedBytes = 0 } = one;
  if (deletedBytes <= deletedBytesMax) return undefined;
  return `${target} of ${wholeMibFigure(deletedBytes)}, where a deleted file can take ${wholeMibFigure(deletedBytesMax)} along`;
}

function refusedAnonymous(name: string): string | undefined {
  return ANONYMOUS_OK.has(name) ? undefined : (ANONYMOUS_WORDS[name] ?? `a kernel object of the kind "${name}"`);
}

function characterOk({ device: [major, minor] = [0, 0] }: Descriptor): boolean {
  if (major === MISC_MAJOR) return MISC_OK.includes(minor);
  return major === MEMORY_MAJOR || TERMINAL_MAJORS.includes(major);
}

function mapped({ mappings, descriptors }: ProcessFacts): string[] {
  // What it holds too is told already.
  const held = new Set(descriptors.map(({ target }) => target));
  return mappings.filter((name) => !held.has(name)).map((name) => `has mapped ${name}`);
}

/** By whom: a tracer outside of the cnvm is named by the node's number. */
function traced({ tracers }: ProcessFacts, inside: ReadonlyMap<number, number>): string[] {
  return tracers.map((tracer) => {
    const number = inside.get(tracer);
    return `is traced by process ${number ?? `${tracer} of the node`}`;
  });
}

function apart(task: ProcessFacts, init: ProcessFacts): string[] {
  return Object.entries(NAMESPACE_WORDS).flatMap(([kind, words]) => {
    const [own, its] = [task.namespaces[kind], init.namespaces[kind]];
    return own === undefined || its === undefined || own === its ? [] : [`has a namespace of its own for ${words}`];
  });
}

/** What lies under "/" comes with the disk; parts of other mounts are made from those. */
function mountReasons(processes: readonly ProcessFacts[]): string[] {
  const wrong = processes
    .flatMap(({ mounts }) => mounts)
    .filter(({ type, root, mountpoint }: Mount) => mountpoint !== '/' && root === '/' && !MOUNTS_OK.has(type));
  return [...new Set(wrong.map(({ mountpoint, type }) => `${type} is mounted on ${mountpoint}`))];
}
