/**
 * The node's packet filter for cnvms, pure: one table, replaced whole but for the sets, whose elements are told one by one.
 * Invariant: a cnvm speaks from its own address alone, and of a node, its own or another, it reaches only the names'
 * port, ping, and answers to what the node itself has asked.
 */

export interface RuleOptions {
  /** The /16 of the overlay. */
  readonly network: string;
  /** Packets of the overlay come through the tunnel and from nowhere else. */
  readonly encrypted: boolean;
}

/** The device group of the nodes' ends of cnvms' links: what belongs to a cnvm is known by it, not by its name. */
export const CNVM_GROUP = 199;
/** The tunnel to every peer. */
export const TUNNEL = 'wgcnvm';
/** Where packets come out that a peer has passed on. */
export const FORWARDED = 'fwcnvm';
/** IANA's port for VXLAN-GPE, in which they are passed on, within the tunnel. */
export const FORWARD_PORT = 4790;
/** Every cnvm's gateway, and where it asks for names. Link-local, so it is nobody else's on any network. */
export const GATEWAY = '169.254.1.1';
/**
 * A node passes packets on for half as long as their new owner takes them in: more than two rounds in which every node tells
 * every other what it owns, and never longer than they are let in.
 */
export const FORWARD_MS = 30_000;
const ARRIVED_SECONDS = 60;

const SETS = `
  set closed {
    type ipv4_addr
  }
  set arrived {
    type ipv4_addr
    flags timeout
    timeout ${ARRIVED_SECONDS}s
  }
  set hosts {
    type ipv4_addr
  }`;

/** With their hooks: what a chain is cannot be said twice in different words. */
const CHAINS: Readonly<Record<string, string>> = {
  closing: '',
  asking: '',
  before: 'type filter hook prerouting priority -310; policy accept;',
  forward: 'type filter hook forward priority -10; policy accept;',
  output: 'type filter hook output priority -10; policy accept;',
  input: 'type filter hook input priority -10; policy accept;',
  outbound: 'type nat hook postrouting priority 100; policy accept;',
};

/**
 * `closed` drops what goes to or comes from a frozen cnvm: a kernel whose processes are frozen would still acknowledge
 * data that the dump has not seen. `arrived` are cnvms that have come lately, to which peers still pass packets on.
 * `hosts` are the nodes' addresses on the network between them.
 */
export function baseRules(options: RuleOptions): string {
  const declared = Object.entries(CHAINS).map(([name, hook]) => `  chain ${name} { ${hook} }`);
  const flushed = Object.keys(CHAINS).map((name) => `flush chain inet cnvm ${name}`);
  const rules = Object.entries(rulesOf(options)).map(
    ([name, lines]) => `  chain ${name} {\n${lines.map((line) => `    ${line}\n`).join('')}  }`,
  );
  return `
table inet cnvm {${SETS}
${declared.join('\n')}
}
${flushed.join('\n')}
table inet cnvm {
${rules.join('\n')}
}
`;
}

function rulesOf({ network, encrypted }: RuleOptions): Record<string, string[]> {
  const nodes = nodesOf(network);
  const cnvm = `iifgroup ${CNVM_GROUP}`;
  const noCnvm = `iifgroup != ${CNVM_GROUP}`;
  const inTunnel = [
    // Nobody on the network between the nodes speaks for an address of the overlay.
    `ip saddr ${network} iifname != { "lo", "${TUNNEL}", "${FORWARDED}" } ${noCnvm} drop`,
    // A peer is no way to the world, nor are we one for it.
    `iifname { "${TUNNEL}", "${FORWARDED}" } ip daddr != ${network} drop`,
    `iifname { "${TUNNEL}", "${FORWARDED}" } meta nfproto ipv6 drop`,
  ];
  // What peers pass on comes through the tunnel, from a node's own address.
  const fromPeers = [
    `udp dport ${FORWARD_PORT} iifname != "${TUNNEL}" drop`,
    `udp dport ${FORWARD_PORT} ip saddr != ${nodes} drop`,
  ];
  return {
    closing: ['ip daddr @closed drop', 'ip saddr @closed drop'],
    // What a cnvm may want of a node.
    asking: [
      'ct state established,related accept',
      `${cnvm} ip daddr ${GATEWAY} meta l4proto { tcp, udp } th dport 53 accept`,
      'icmp type echo-request accept',
      'drop',
    ],
    before: [
      // Nodes and cnvms know each other by IPv4 alone.
      `${cnvm} meta nfproto ipv6 drop`,
      // The way back to a cnvm's own address, and to no other, leads through its link.
      `${cnvm} fib saddr . iif oif missing drop`,
      ...(encrypted ? inTunnel : []),
    ],
    forward: [
      'jump closing',
      `${cnvm} ip daddr @hosts drop`,
      // A cloud's metadata, which hands the machine's own secrets out, is there for the node alone.
      `${cnvm} ip daddr 169.254.0.0/16 drop`,
      `iifname "${FORWARDED}" ip daddr != @arrived drop`,
      // From what is behind a peer; never from a cnvm that is here.
      `iifname "${FORWARDED}" fib saddr oifname != "${TUNNEL}" drop`,
    ],
    output: ['jump closing'],
    input: [
      'jump closing',
      `iifname "${FORWARDED}" drop`,
      ...(encrypted ? fromPeers : []),
      `${cnvm} jump asking`,
      `ip saddr ${network} ip saddr != ${nodes} jump asking`,
      `ip daddr ${GATEWAY} iifname != "lo" ${noCnvm} drop`,
    ],
    outbound: [`ip saddr ${network} ip daddr != ${network} masquerade`],
  };
}

/** The nodes' own part of the overlay: x.y.0.0/24. */
function nodesOf(network: string): string {
  return `${network.split('.').slice(0, 2).join('.')}.0.0/24`;
}

/** Afterwards the set has these addresses and no others, and at no moment none of those that it keeps. */
export function setContent(set: 'hosts', addresses: readonly string[]): string {
  const add = addresses.length === 0 ? '' : `add element inet cnvm ${set} { ${[...addresses].sort().join(', ')} }\n`;
  return `flush set inet cnvm ${set}\n${add}`;
}

/** Afterwards what peers pass on to these is let in, for a while from now. */
export function letIn(addresses: readonly string[]): string {
  const list = addresses.join(', ');
  // One that is there keeps its time; so it goes first.
  return `add element inet cnvm arrived { ${list} }\ndelete element inet cnvm arrived { ${list} }\nadd element inet cnvm arrived { ${list} }\n`;
}
