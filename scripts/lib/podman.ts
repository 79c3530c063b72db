/** podman in a node of a lab that was brought up with it. Invariant: nothing of it outlives the lab. */
import type { Lab } from './lab.js';

/** The store lies on the disk that the node's cnvms lie on; an overlay cannot lie on the node's root, which is one. */
export function podman(...args: string[]): string[] {
  const store = ['--root', '/var/lib/cnvm/podman', '--runroot', '/run/podman', '--storage-driver', 'overlay'];
  const runtime = ['--runtime', 'runc', '--cgroup-manager', 'cgroupfs'];
  return ['env', 'PODMAN_IGNORE_CGROUPSV1_WARNING=1', 'podman', ...store, ...runtime, ...args];
}

/** What is run has its cgroup in the lab's own part of the tree, which goes when the lab goes. */
export function podmanRun(lab: Pick<Lab, 'name'>, ...args: string[]): string[] {
  return podman('run', '--cgroup-parent', `/cnvm-${lab.name}/podman`, ...args);
}
