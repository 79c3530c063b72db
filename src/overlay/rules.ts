/** The node's packet filter for cnvms, pure. */

/**
 * One table, replaced whole but for the set of closed addresses. `closed` drops what goes to or comes from a frozen
 * cnvm: a kernel whose processes are frozen would still acknowledge data that the dump has not seen.
 */
export function baseRules(network: string): string {
  return `
table inet cnvm {
  set closed {
    type ipv4_addr
  }
  chain closing {
    ip daddr @closed drop
    ip saddr @closed drop
  }
  chain forward {
    type filter hook forward priority -10; policy accept;
  }
  chain output {
    type filter hook output priority -10; policy accept;
  }
  chain input {
    type filter hook input priority -10; policy accept;
  }
  chain outbound {
    type nat hook postrouting priority 100; policy accept;
  }
}
flush chain inet cnvm closing
flush chain inet cnvm forward
flush chain inet cnvm output
flush chain inet cnvm input
flush chain inet cnvm outbound
table inet cnvm {
  chain closing {
    ip daddr @closed drop
    ip saddr @closed drop
  }
  chain forward {
    jump closing
  }
  chain output {
    jump closing
  }
  chain input {
    jump closing
  }
  chain outbound {
    ip saddr ${network} ip daddr != ${network} masquerade
  }
}
`;
}
