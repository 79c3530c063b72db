/**
 * A cnvm's OCI bundle, pure: record and paths in, config.json out. Invariant: never privileged; root inside is nobody
 * outside; nothing in it names the node but the paths.
 */
import { UID_COUNT, uidBase } from './address.js';
import type { CnvmRecord, Limits } from './cnvm.js';
import type { FirstProcess } from './program.js';
import { seccompProfile } from './seccomp.js';

export interface BundlePaths {
  /** The mounted root. */
  readonly rootfs: string;
  /** What is shown at /dev/shm and, to a machine, at /run. */
  readonly volatile: { readonly shm: string; readonly run: string };
  /** cgroup path, from the cgroup root. */
  readonly cgroup: string;
  /** A criu config file: what runc's flags cannot say. */
  readonly criuConfig: string;
  /** argv of the program that wires the network; it runs when the namespaces exist, at start and at restore. */
  readonly networkHook: readonly string[];
}

/** What Docker grants: enough for init, sshd, sudo and cron, and each counts only inside the user namespace. */
const CAPABILITIES = [
  'CAP_AUDIT_WRITE',
  'CAP_CHOWN',
  'CAP_DAC_OVERRIDE',
  'CAP_FOWNER',
  'CAP_FSETID',
  'CAP_KILL',
  'CAP_MKNOD',
  'CAP_NET_BIND_SERVICE',
  'CAP_NET_RAW',
  'CAP_SETFCAP',
  'CAP_SETGID',
  'CAP_SETPCAP',
  'CAP_SETUID',
  'CAP_SYS_CHROOT',
];

/**
 * Kernel state of the whole node: hidden or read-only, as in the OCI runtimes' defaults. Directories are not hidden: a mount
 * would lie over each, which the next node may not have and criu packs with two programs in every freeze, and what is
 * secret in them only the node's own root can read.
 */
const MASKED = ['kcore', 'keys', 'latency_stats', 'timer_list', 'timer_stats', 'sched_debug'].map(
  (name) => `/proc/${name}`,
);
const READ_ONLY = ['bus', 'fs', 'irq', 'sys', 'sysrq-trigger'].map((name) => `/proc/${name}`);

/** One scheduling period; the kernel's default. */
export const CPU_PERIOD_US = 100_000;

/** What thousandths of a CPU are in each period. */
export function cpuQuotaUs(cpuMillis: number): number {
  return (cpuMillis * CPU_PERIOD_US) / 1000;
}

/** The bundle's config.json. */
export function bundleConfig(record: CnvmRecord, init: FirstProcess, paths: BundlePaths, architecture: string): object {
  const base = uidBase(record.address);
  const mapping = [{ containerID: 0, hostID: base, size: UID_COUNT }];
  const [hook = '', ...hookArgs] = paths.networkHook;
  return {
    ociVersion: '1.0.2',
    process: {
      terminal: false,
      user: { uid: init.ids.uid, gid: init.ids.gid, additionalGids: init.ids.groups },
      args: init.argv,
      env: init.env,
      cwd: init.cwd,
      capabilities: { bounding: CAPABILITIES, effective: CAPABILITIES, permitted: CAPABILITIES },
      // sudo and su inside need it; it grants nothing outside the user namespace.
      noNewPrivileges: false,
    },
    root: { path: paths.rootfs, readonly: false },
    hostname: record.name,
    // What a program's image has in /run is the program's.
    mounts: [...mounts(paths.volatile.shm), ...(init.system ? [shown('/run', paths.volatile.run, 'nodev')] : [])],
    hooks: { createRuntime: [{ path: hook, args: [hook, ...hookArgs] }] },
    annotations: { 'org.criu.config': paths.criuConfig },
    linux: {
      cgroupsPath: paths.cgroup,
      namespaces: ['user', 'pid', 'ipc', 'uts', 'mount', 'network'].map((type) => ({ type })),
      uidMappings: mapping,
      gidMappings: mapping,
      resources: resources(record.limits),
      seccomp: seccompProfile(architecture),
      maskedPaths: MASKED,
      readonlyPaths: READ_ONLY,
    },
  };
}

const shown = (destination: string, source: string, ...options: string[]) => ({
  destination,
  type: 'bind',
  source,
  options: ['bind', 'nosuid', ...options],
});

/** Its /dev is a directory of its disk: runc puts the few devices there, and a file system would be one more to be packed. */
const mounts = (shm: string) => [
  { destination: '/proc', type: 'proc', source: 'proc' },
  {
    destination: '/dev/pts',
    type: 'devpts',
    source: 'devpts',
    options: ['nosuid', 'noexec', 'newinstance', 'ptmxmode=0666', 'mode=0620', 'gid=5'],
  },
  shown('/dev/shm', shm, 'nodev', 'noexec'),
  { destination: '/dev/mqueue', type: 'mqueue', source: 'mqueue', options: ['nosuid', 'noexec', 'nodev'] },
  { destination: '/sys', type: 'sysfs', source: 'sysfs', options: ['nosuid', 'noexec', 'nodev', 'ro'] },
];

function resources(limits: Limits): object {
  const { memoryBytes, cpuMillis, pids } = limits;
  return {
    devices: [{ allow: false, access: 'rwm' }],
    ...(memoryBytes === 0 ? {} : { memory: { limit: memoryBytes, swap: memoryBytes } }),
    ...(cpuMillis === 0 ? {} : { cpu: { period: CPU_PERIOD_US, quota: cpuQuotaUs(cpuMillis) } }),
    ...(pids === 0 ? {} : { pids: { limit: pids } }),
  };
}
