/** What this machine lacks to run and move cnvms, and how to mend it. Looks, and changes nothing. */
import { accessSync, constants, existsSync, readFileSync } from 'node:fs';
import { release } from 'node:os';
import { join } from 'node:path';
import { messageOf } from '../base/errors.js';
import { TUNNEL } from '../overlay/rules.js';
import { criuCheck, criuVersion } from '../tools/criu.js';
import { closedOnTheWay } from '../tools/passable.js';
import { run } from '../tools/run.js';
import { runcVersion } from '../tools/runc.js';
import { wireguardKind } from '../tools/wireguard.js';
import type { Finding, HostFacts } from './node-facts.js';
import { criuTooOld, olderThan } from './versions.js';

export interface CheckOptions {
  readonly path: string;
}

/** Programs, with the Debian package that has each. */
const PROGRAMS: readonly (readonly [program: string, debianPackage: string])[] = [
  ['rsync', 'rsync'],
  ['socat', 'socat'],
  ['ip', 'iproute2'],
  ['nft', 'nftables'],
  ['nsenter', 'util-linux'],
  ['mount', 'mount'],
  ['mkfifo', 'coreutils'],
  ['find', 'findutils'],
  ['script', 'bsdutils'],
];
/** What makes and tells WireGuard, where the overlay is encrypted. */
const WG = ['wg', 'wireguard-tools'] as const;
/** Without these no image comes in, and nothing is said of what a classic cnvm writes. */
const IMAGE_PROGRAMS: readonly (readonly [program: string, debianPackage: string])[] = [
  ['skopeo', 'skopeo'],
  ['umoci', 'umoci'],
  ['tar', 'tar'],
  ['gzip', 'gzip'],
  ['zstd', 'zstd'],
  ['xz', 'xz-utils'],
  ['setfattr', 'attr'],
  ['perl', 'perl'],
];
/** The first whose mount knows X-mount.idmap. */
const MOUNT_OLDEST = '2.39';
const MEMORY_LOW_BYTES = 256 * 1024 * 1024;

/** Every finding, also the good ones. Never throws. */
export async function selfCheck(options: CheckOptions, facts: HostFacts): Promise<Finding[]> {
  const encrypted = facts.overlayEncryption === 'wireguard';
  const programs = [...PROGRAMS, ...(encrypted ? [WG] : [])].map(([program, debianPackage]) =>
    checkProgram(program, debianPackage, options.path),
  );
  return [
    await guarded('criu', checkCriu),
    await guarded('runc', async () => ok('runc', `version ${await runcVersion()}`)),
    await guarded('mount', checkMount),
    ...programs,
    checkKernelFile('/proc/self/ns/user', 'user namespaces', 'Use a kernel with CONFIG_USER_NS.'),
    checkForwarding(),
    checkOverlay(facts, options.path),
    checkNames(options.path),
    checkPipes(),
    checkSoftDirty(facts),
    checkPostCopy(facts),
    ...IMAGE_PROGRAMS.map(([program, name]) => checkImageProgram(program, name, options.path)),
    checkImages(facts),
    checkMemory(facts),
    ...facts.landingZones.map(checkZone),
  ];
}

async function guarded(subject: string, check: () => Promise<Finding>): Promise<Finding> {
  try {
    return await check();
  } catch (error) {
    return failing(subject, messageOf(error), `Install ${subject}.`);
  }
}

async function checkCriu(): Promise<Finding> {
  const version = await criuVersion();
  if (criuTooOld(version, release())) {
    const remedy = 'Install criu 4.2 or newer; Debian 13 has it in its next release (apt install -t forky criu).';
    return failing('criu', `criu ${version} cannot dump internet sockets on kernel ${release()}`, remedy);
  }
  const wrong = await criuCheck();
  if (wrong === undefined) return ok('criu', `version ${version}`);
  return failing('criu', wrong, 'See "criu check" and https://criu.org/Check_the_kernel.');
}

async function checkMount(): Promise<Finding> {
  const { stdout } = await run(['mount', '--version']);
  const version = /util-linux (\S+)/.exec(stdout)?.[1] ?? '';
  if (!olderThan(version, MOUNT_OLDEST)) return ok('mount', `util-linux ${version}`);
  return failing(
    'mount',
    `util-linux ${version} cannot shift uids`,
    `Install util-linux ${MOUNT_OLDEST} or newer (Debian 13 has it).`,
  );
}

const isThere = (program: string, path: string) =>
  path.split(':').some((directory) => isExecutable(join(directory, program)));

function checkProgram(program: string, debianPackage: string, path: string): Finding {
  return isThere(program, path)
    ? ok(program, 'is there')
    : failing(program, `${program} is missing`, `apt install ${debianPackage}`);
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function checkKernelFile(file: string, subject: string, remedy: string): Finding {
  return existsSync(file) ? ok(subject, 'are there') : failing(subject, `${subject} are missing`, remedy);
}

function checkForwarding(): Finding {
  if (readFileSync('/proc/sys/net/ipv4/ip_forward', 'utf8').trim() === '1') return ok('ip forwarding', 'is on');
  return failing('ip forwarding', 'is off: cnvms reach nobody', 'sysctl -w net.ipv4.ip_forward=1');
}

function checkOverlay({ overlayEncryption, overlayPort }: HostFacts, path: string): Finding {
  if (overlayEncryption !== 'wireguard')
    return warning('overlay', 'is not encrypted', 'overlay.encryption: wireguard, unless the network is private.');
  const kind = wireguardKind(TUNNEL);
  if (kind !== undefined) {
    const who = kind === 'kernel' ? 'by the kernel' : 'by wireguard-go';
    return ok('overlay', `is encrypted ${who}, on UDP port ${overlayPort}`);
  }
  const remedy = isThere('wireguard-go', path)
    ? "See the daemon's log for why wireguard-go makes no tunnel."
    : 'Use a kernel with WireGuard (modprobe wireguard), or apt install wireguard-go.';
  return failing('overlay', 'there is no tunnel to the peers', remedy);
}

function checkNames(path: string): Finding {
  if (isThere('dnsmasq', path)) return ok('names', 'cnvms find each other by name');
  return warning('names', 'cnvms do not find each other by name', 'apt install dnsmasq-base');
}

/** Post-copy's page pipes; root without CAP_SYS_RESOURCE cannot exceed the limit. */
const PIPE_BYTES_WANTED = 1024 * 1024;

function checkPipes(): Finding {
  const size = Number(readFileSync('/proc/sys/fs/pipe-max-size', 'utf8'));
  if (size >= PIPE_BYTES_WANTED) return ok('pipes', `up to ${size} bytes`);
  return warning('pipes', `only ${size} bytes: dumps are slower`, `sysctl -w fs.pipe-max-size=${PIPE_BYTES_WANTED}`);
}

function checkSoftDirty({ softDirty }: HostFacts): Finding {
  if (softDirty) return ok('soft-dirty', 'the kernel tracks dirty pages');
  const remedy = 'Use a kernel with CONFIG_MEM_SOFT_DIRTY, as Debian builds it for amd64.';
  return warning('soft-dirty', 'the kernel does not track dirty pages: the freeze grows with memory', remedy);
}

function checkPostCopy({ postCopyObstacles }: HostFacts): Finding {
  if (postCopyObstacles.length === 0) return ok('post-copy', 'memory can follow a cnvm that runs already');
  const remedy = 'sysctl -w vm.unprivileged_userfaultfd=1, on a kernel with CONFIG_USERFAULTFD, with perl installed.';
  return warning('post-copy', `no --post-copy: ${postCopyObstacles.join('; ')}`, remedy);
}

function checkImageProgram(program: string, debianPackage: string, path: string): Finding {
  const { level, detail, remedy } = checkProgram(program, debianPackage, path);
  return level === 'ok'
    ? ok(program, detail)
    : warning(program, `${detail}: images cannot be brought in as they should`, remedy);
}

function checkZone({ path }: HostFacts['landingZones'][number]): Finding {
  const closed = closedOnTheWay(path);
  if (closed === undefined) return ok('landing', `${path} can be reached`);
  return failing('landing', `the roots of cnvms may not pass through ${closed} to ${path}`, `chmod o+x ${closed}`);
}

function checkImages({ images }: HostFacts): Finding {
  const names = images.map((image) => image.name).filter((name) => name !== '');
  if (names.length > 0) return ok('images', names.join(', '));
  return warning(
    'images',
    'there is none',
    'cnvm image pull docker://HOST/NAME, or: cnvm image import /DIRECTORY NAME',
  );
}

function checkMemory({ memoryAvailableBytes }: HostFacts): Finding {
  const mib = Math.round(memoryAvailableBytes / (1024 * 1024));
  if (memoryAvailableBytes >= MEMORY_LOW_BYTES) return ok('memory', `${mib} MiB free`);
  return warning('memory', `only ${mib} MiB free`, 'Stop or move something.');
}

const ok = (subject: string, detail: string): Finding => ({ level: 'ok', subject, detail, remedy: '' });
const warning = (subject: string, detail: string, remedy: string): Finding => ({
  level: 'warning',
  subject,
  detail,
  remedy,
});
const failing = (subject: string, detail: string, remedy: string): Finding => ({
  level: 'error',
  subject,
  detail,
  remedy,
});
