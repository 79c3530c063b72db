/**
 * The plain shell pipeline, as the benchmark's third: "runc checkpoint", "rsync", "runc restore" of the base image's
 * processes, to and fro between two nodes. It got what is best for it:
 * - its images lie in memory, and an rsync daemon takes them, so that nothing is encrypted;
 * - the disk is at the other end before it begins, and only what has changed is sent;
 * - no client is connected, no address moves, and the way from one step to the next is not counted;
 * - no user namespace.
 * Invariant: a container that came back without one of its processes, or whose sshd is silent, fails the benchmark.
 */
import { once } from 'node:events';
import type { Lab } from '../lab.js';
import { baseImage } from './base-image.js';
import { INSTALL_NUMBERS } from './install-numbers.js';
import { type Load, loadCommand } from './load.js';

export interface ShellRound {
  readonly checkpointMs: number;
  readonly transferMs: number;
  readonly restoreMs: number;
}

const NAME = 'shell';
const NET = `/run/netns/${NAME}`;
const ROOTFS = '/var/lib/cnvm/shell/rootfs';
const BUNDLE = '/var/lib/cnvm/shell';
/** On the node's memory file system. */
const IMAGES = '/run/shell-images';
const KEEP = '--tcp-established --file-locks';
const RUNC = 'runc --root /run/shell-runc';
/** What the base image's services need beside what "runc spec" grants. */
const CAPABILITIES = ['CHOWN', 'DAC_OVERRIDE', 'FOWNER', 'SETGID', 'SETUID', 'SETPCAP', 'SYS_CHROOT', 'AUDIT_WRITE'];

/** Afterwards the container runs in the first of `ends`, and the second has its bundle and its disk. */
export async function startShellSide(lab: Lab, ends: readonly [string, string], load: Load) {
  let [here, there] = ends;
  const image = await baseImage(lab, here);
  for (const node of ends) await lab.must(node, ['sh', '-e', '-c', PREPARE, image.root]);
  const spec = JSON.parse(await lab.must(here, ['cat', `${BUNDLE}/config.json`])) as Spec;
  const config = JSON.stringify(configOf(spec, image.entrypoint, `/cnvm-${lab.name}/shell`));
  for (const node of ends) await lab.must(node, ['sh', '-c', `cat >${BUNDLE}/config.json`], config);
  // With a socket for its input, as we would give it, it would take itself for inetd's.
  const serve = ['sh', '-c', `exec rsync --daemon --no-detach --config=${BUNDLE}/rsyncd </dev/null`];
  const servers = ends.map((node) => lab.start(node, serve));
  await lab.must(here, ['sh', '-c', `${RUNC} run --detach --bundle ${BUNDLE} ${NAME} >/dev/null 2>&1 </dev/null`]);
  const inside = ['sh', '-c', `exec ${RUNC} exec ${NAME} sh`];
  await lab.must(here, inside, INSTALL_NUMBERS);
  if (load.mib > 0) await lab.must(here, inside, loadCommand(load));
  await lab.must(here, ['sh', '-e', '-c', SEND_DISK, 'send', there]);
  const processes = await look();

  async function look(): Promise<string> {
    const banner = await lab.must(here, [
      'sh',
      '-c',
      `nsenter --net=${NET} nc -w 5 127.0.0.1 22 </dev/null | head -c 8`,
    ]);
    if (banner !== 'SSH-2.0-') throw new Error(`the container's sshd does not greet: "${banner}"`);
    const list = await lab.must(here, ['sh', '-c', `${RUNC} exec ${NAME} ps -e -o pid=,comm=`]);
    const lines = list.split('\n').map((line) => line.trim());
    return lines.filter((line) => !/ (sleep|ps)$/.test(line)).join('\n');
  }

  return {
    /** @throws when the container that came back is not the one that was. */
    async round(): Promise<ShellRound> {
      const [checkpointMs = Number.NaN, transferMs = Number.NaN] = timesIn(
        await lab.must(here, ['bash', '-e', '-c', LEAVE, 'leave', there]),
        2,
      );
      const [restoreMs = Number.NaN] = timesIn(await lab.must(there, ['bash', '-e', '-c', COME]), 1);
      [here, there] = [there, here];
      const now = await look();
      if (now !== processes) throw new Error(`the container came back changed:\n${processes}\nand now:\n${now}`);
      return { checkpointMs, transferMs, restoreMs };
    },
    async close(): Promise<void> {
      await lab.must(here, ['sh', '-c', `${RUNC} delete --force ${NAME}; rm -rf ${IMAGES}/*`]);
      for (const node of ends) await lab.must(node, ['sh', '-c', 'kill $(cat /run/shell-rsync)']);
      await Promise.all(servers.map((server) => server.exitCode ?? once(server, 'exit')));
    },
  };
}

interface Spec {
  readonly process: { readonly capabilities: Readonly<Record<string, readonly string[]>> };
  readonly root: object;
  readonly linux: { readonly namespaces: readonly { readonly type: string }[] };
}

/** What "runc spec" made, with the image's processes and a network namespace that is there already. */
function configOf(spec: Spec, args: readonly string[], cgroupsPath: string) {
  const more = CAPABILITIES.map((name) => `CAP_${name}`);
  const capabilities = Object.fromEntries(
    Object.entries(spec.process.capabilities).map(([set, names]) => [set, [...new Set([...names, ...more])]]),
  );
  const namespaces = spec.linux.namespaces.map((one) => (one.type === 'network' ? { ...one, path: NET } : one));
  return {
    ...spec,
    process: { ...spec.process, args, capabilities, terminal: false },
    root: { path: 'rootfs', readonly: false },
    linux: { ...spec.linux, namespaces, cgroupsPath },
  };
}

function timesIn(output: string, count: number): number[] {
  const times = output.trim().split('\n').at(-1)?.split(' ').map(Number) ?? [];
  if (times.length === count && times.every((ms) => ms > 0)) return times;
  throw new Error(`the times of the shell pipeline cannot be read: ${output}`);
}

const PREPARE = `
mkdir -p ${BUNDLE} ${IMAGES}
rm -rf ${ROOTFS} ${BUNDLE}/config.json
cp -a $0 ${ROOTFS}
runc spec --bundle ${BUNDLE}
# A dump leaves its own filter in the one that it was made in.
if [ -e ${NET} ]; then ip netns del ${NAME}; fi
ip netns add ${NAME}
ip -n ${NAME} link set lo up
printf '%s\\n' 'uid = root' 'gid = root' 'use chroot = yes' 'numeric ids = yes' 'read only = no' 'port = 8730' 'pid file = /run/shell-rsync' \\
  '[images]' 'path = ${IMAGES}' '[disk]' 'path = ${ROOTFS}' >${BUNDLE}/rsyncd
rm -f /run/shell-rsync
`;

const SEND = 'rsync --archive --delete --port 8730';
const SEND_DISK = `
for _ in $(seq 50); do nc -z "$1" 8730 && break; sleep 0.1; done
${SEND} --hard-links --acls --xattrs --numeric-ids ${ROOTFS}/ "rsync://$1/disk/"
`;

/** No node has the memory from a move before: rsync would send but what differs from that. */
const FORGET = `rm -rf ${IMAGES}/*`;
/** Timed where it runs: entering the node is no part of it. */
const LEAVE = `
a=$EPOCHREALTIME
${RUNC} checkpoint --image-path ${IMAGES} ${KEEP} ${NAME} >/dev/null
b=$EPOCHREALTIME
${SEND} ${IMAGES}/ "rsync://$1/images/"
${SEND} --hard-links --acls --xattrs --numeric-ids ${ROOTFS}/ "rsync://$1/disk/"
c=$EPOCHREALTIME
awk "BEGIN { printf \\"%.3f %.3f\\n\\", ($b - $a) * 1000, ($c - $b) * 1000 }"
${FORGET}
`;

const COME = `
a=$EPOCHREALTIME
${RUNC} restore --detach --image-path ${IMAGES} --bundle ${BUNDLE} ${KEEP} ${NAME} >/dev/null 2>&1 </dev/null
b=$EPOCHREALTIME
awk "BEGIN { printf \\"%.3f\\n\\", ($b - $a) * 1000 }"
${FORGET}
`;
