/**
 * Ports of this node that lead to cnvms, pure. Invariant: the whole of what is wanted goes in and replaces what was, in one
 * transaction; what is connected already goes on, wherever its cnvm is now: the kernel keeps its way.
 */
import { GATEWAY } from './rules.js';

export interface Published {
  readonly nodePort: number;
  readonly protocol: 'tcp' | 'udp';
  /** The cnvm's. */
  readonly address: string;
  readonly cnvmPort: number;
}

/**
 * A port is the node's on the network between the nodes and beyond; on the overlay, where cnvms ask it for names, it has none.
 * @param own this node's overlay address, for which the cnvm takes who comes in here: its answers must come back this way, also
 * from another node, as only here is it known who asked.
 */
export function publishRules(published: readonly Published[], network: string, own: string): string {
  const rules = published.map(
    ({ nodePort, protocol, address, cnvmPort }) =>
      `    fib daddr type local ip daddr != { ${network}, 127.0.0.0/8, ${GATEWAY} } ${protocol} dport ${nodePort} dnat ip to ${address}:${cnvmPort}`,
  );
  return `
table inet cnvm {
  chain published {
  }
  chain inbound {
    type nat hook prerouting priority -100; policy accept;
  }
  chain local {
    type nat hook output priority -100; policy accept;
  }
  chain returning {
    type nat hook postrouting priority 99; policy accept;
  }
}
flush chain inet cnvm inbound
flush chain inet cnvm local
flush chain inet cnvm returning
flush chain inet cnvm published
table inet cnvm {
  chain published {
${rules.join('\n')}
  }
  chain inbound {
    jump published
  }
  chain local {
    jump published
  }
  chain returning {
    ct status dnat ip daddr ${network} snat ip to ${own}
  }
}
`;
}
