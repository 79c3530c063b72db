/** docker in a node of a lab that was brought up with it. Invariant: nothing of it outlives the lab. */
import type { Lab } from '../../scripts/lib/lab.js';

const START_S = 60;
const LOG = '/var/log/dockerd.log';
/** What it keeps lies on the disk that the node's cnvms lie on; an overlay cannot lie on the node's root, which is one. */
const DAEMON = `dockerd --data-root /var/lib/cnvm/docker --exec-opt native.cgroupdriver=cgroupfs --cgroup-parent "$1"`;

/** Afterwards its daemon answers there. What it runs has its cgroup in the lab's own part of the tree, which goes when the lab goes. */
export async function startDocker(lab: Lab, node: string): Promise<void> {
  const steps = `setsid ${DAEMON} >${LOG} 2>&1 </dev/null &
    for _ in $(seq ${START_S * 5}); do docker info >/dev/null 2>&1 && exit; sleep 0.2; done
    tail -n 20 ${LOG} >&2; exit 1`;
  await lab.must(node, ['sh', '-c', steps, 'docker', `/cnvm-${lab.name}/docker`]);
}
