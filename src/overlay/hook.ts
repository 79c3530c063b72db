/**
 * The program that wires a cnvm's link when its namespaces exist: at its start, and again at each restore, before its
 * sockets come back. Pure. Invariant: what a cnvm sees of its network is the same on every node, down to the
 * gateway's hardware address, so that nothing it has cached is ever wrong.
 */
import { CNVM_GROUP, GATEWAY } from './rules.js';

export interface LinkFacts {
  /** The cnvm's overlay address. */
  readonly address: string;
  /** The node's own overlay address: the source of what the node itself sends to the cnvm. */
  readonly gatewaySource: string;
  /** The node's end. */
  readonly link: string;
  readonly hardware: string;
  /** The longest packet, in bytes: what fits the tunnel to every peer. */
  readonly mtu: number;
}

/** Locally administered; every node's end of every link has it. */
const GATEWAY_HARDWARE = '02:c7:00:00:00:01';
/**
 * In segments. After a move the first acknowledgements are lost until every node knows the new way. A sender that has used
 * its window up by then waits for the kernel's first timeout, 1 s, since a socket that was restored has measured none.
 */
const WINDOW = 64;

/**
 * A script for sh: it reads the process's state from its input and runs `ip` twice, once at either end.
 * Neighbours are fixed on both sides, so the first packet after a move waits for no ARP.
 * Everybody inside may ping, as on a Debian machine.
 */
export function hookScript(facts: LinkFacts): string {
  const { address, gatewaySource, link, hardware, mtu } = facts;
  return `set -e
state=$(cat)
pid=\${state##*\\"pid\\":}
pid=\${pid# }
pid=\${pid%%[!0-9]*}
ip -batch - <<EOF
link add ${link} mtu ${mtu} address ${GATEWAY_HARDWARE} type veth peer name eth0 mtu ${mtu} address ${hardware} netns $pid
link set ${link} group ${CNVM_GROUP}
link set ${link} up
neighbour replace ${address} lladdr ${hardware} dev ${link} nud permanent
route replace ${address}/32 dev ${link} src ${gatewaySource}
EOF
exec nsenter --net=/proc/$pid/ns/net sh -c 'echo 0 2147483647 > /proc/sys/net/ipv4/ping_group_range; exec ip -batch -' <<EOF
link set lo up
address add ${address}/32 dev eth0
link set eth0 up
neighbour replace ${GATEWAY} lladdr ${GATEWAY_HARDWARE} dev eth0 nud permanent
route replace ${GATEWAY} dev eth0 scope link
route replace default via ${GATEWAY} dev eth0 src ${address} initcwnd ${WINDOW}
EOF
`;
}
