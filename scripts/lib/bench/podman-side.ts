/**
 * podman's side of the benchmark: what `container checkpoint --export` and `container restore --import` need for the
 * base image's processes. It does what its manual says; beyond that it got what is best for it:
 * - an archive in memory, compressed as podman does by default, and nothing transferred;
 * - no client is connected to what runs in it;
 * - removing the stopped container, which has to precede the import, is not counted;
 * - no user namespace: podman 5.4 checkpoints a container that has one (--uidmap) but cannot restore it.
 * It has podman's own network: with `--network none` the loopback stays down after a restore, and no sshd can be asked.
 * The image is imported as one of podman's own: a container of `--rootfs` cannot be restored from an archive.
 * Invariant: a container that came back without one of its processes, or whose sshd is silent, fails the benchmark.
 */
import type { Lab } from '../lab.js';
import { podman, podmanRun } from '../podman.js';
import { baseImage } from './base-image.js';
import { expectSshd } from './expect-sshd.js';
import { INSTALL_NUMBERS } from './install-numbers.js';
import { type Load, loadHeld, startLoad } from './load.js';

export interface PodmanRound {
  readonly checkpointMs: number;
  readonly restoreMs: number;
}

const IMAGE = 'localhost/base';
const CONTAINER = 'bench';
/** On the node's memory file system. */
const ARCHIVE = '/run/bench.tar';
const ADDRESS = '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}';
/** Both ends keep connections and file locks, as a teleport does. */
const KEEP = '--tcp-established --file-locks';

/** Afterwards the container runs in `node`, with the services of the base image and the number service. */
export async function startPodmanSide(lab: Lab, node: string, load: Load) {
  const { root, entrypoint } = await baseImage(lab, node);
  const change = `ENTRYPOINT ${JSON.stringify(entrypoint)}`;
  const unpack = `tar -C ${root} -c . | "$@"`;
  const into = podman('import', '--quiet', '--change', change, '-', IMAGE);
  await lab.must(node, ['bash', '-o', 'pipefail', '-c', unpack, 'import', ...into]);
  await lab.must(node, podmanRun(lab, '--detach', '--name', CONTAINER, IMAGE));
  await lab.must(node, podman('exec', '--interactive', CONTAINER, 'sh'), INSTALL_NUMBERS);
  if (load.mib > 0) {
    // What goes on after its "exec" would keep our pipes.
    const start = podman('exec', '--detach', CONTAINER, 'sh', '-c', startLoad(load));
    await lab.must(node, ['sh', '-c', '"$@" >/dev/null 2>&1 </dev/null', 'start', ...start]);
    await lab.must(node, podman('exec', CONTAINER, 'sh', '-c', loadHeld(load)));
  }
  const processes = await look();

  async function look(): Promise<string> {
    const address = await lab.must(node, podman('inspect', '--format', ADDRESS, CONTAINER));
    await expectSshd(lab, node, address.trim());
    return steady(await lab.must(node, podman('exec', CONTAINER, 'ps', '-e', '-o', 'pid=,comm=')));
  }

  return {
    processes,
    /** @throws when the container that came back is not the one that was. */
    async round(): Promise<PodmanRound> {
      const output = await lab.must(node, ['bash', '-e', '-c', ROUND, 'round', ...podman()]);
      const [checkpointMs = Number.NaN, restoreMs = Number.NaN] =
        output.trim().split('\n').at(-1)?.split(' ').map(Number) ?? [];
      if (!(checkpointMs > 0 && restoreMs > 0)) throw new Error(`podman's times cannot be read: ${output}`);
      const now = await look();
      if (now !== processes) throw new Error(`podman's container came back changed:\n${processes}\nand now:\n${now}`);
      return { checkpointMs, restoreMs };
    },
    close: () => lab.must(node, ['sh', '-c', `"$@" >/dev/null`, 'rm', ...podman('rm', '--force', CONTAINER)]),
  };
}

/** Timed where it runs: entering the node is no part of it. The archive of the last round is not written over. */
const ROUND = `
rm -f ${ARCHIVE}
a=$EPOCHREALTIME
"$@" container checkpoint --export ${ARCHIVE} ${KEEP} ${CONTAINER} >/dev/null
b=$EPOCHREALTIME
"$@" rm --force ${CONTAINER} >/dev/null
c=$EPOCHREALTIME
"$@" container restore --import ${ARCHIVE} ${KEEP} >/dev/null
d=$EPOCHREALTIME
awk "BEGIN { printf \\"%.3f %.3f\\n\\", ($b - $a) * 1000, ($d - $c) * 1000 }"
`;

/** The processes that stay: with their ids, which a restart would change. What sleeps and what looks come and go. */
function steady(list: string): string {
  const lines = list.split('\n').map((line) => line.trim());
  return lines.filter((line) => !/ (sleep|ps)$/.test(line)).join('\n');
}
