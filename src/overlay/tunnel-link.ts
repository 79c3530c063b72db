/**
 * The tunnel to every peer, and the way on for what arrives for a cnvm that has left. Invariant: both go on without the
 * daemon, and one that starts anew, or that finds them gone, has them as they were.
 */
import { deleteLink, flushTable, ipBatch, linkNames, linksOfTable } from '../tools/ip.js';
import { addPeers, allowedIps, ensureWireguard, identity, setIdentity, setPeers } from '../tools/wireguard.js';
import type { Keys } from './keys.js';
import { FORWARD_PORT, FORWARDED, TUNNEL } from './rules.js';
import { type Mtus, type TunnelPeer, tunnelChange, wantedPeers } from './tunnel.js';
import { type Forward, forwardChanges } from './wanted.js';

export interface TunnelOptions {
  readonly keys: Pick<Keys, 'file' | 'key'>;
  /** This node's own overlay address. */
  readonly address: string;
  readonly port: number;
  readonly keepaliveSeconds: number;
}

export type TunnelLink = ReturnType<typeof createTunnelLink>;

/** A table of routes that only what comes out of the tunnel looks at, and the number of the rule that says so. */
const FORWARD_TABLE = 199;

export function createTunnelLink({ keys, address, port, keepaliveSeconds }: TunnelOptions) {
  let mtus: Mtus | undefined;
  const told = new Map<string, string | undefined>();
  let forwards: readonly Forward[] = [];

  /** Cheap when it is there. */
  async function ensure(): Promise<void> {
    const links = await linkNames();
    if (links.includes(TUNNEL) && links.includes(FORWARDED)) return;
    await make(links.includes(FORWARDED));
  }

  async function make(hasForwarded: boolean): Promise<void> {
    if (mtus === undefined) return;
    await ensureWireguard(TUNNEL);
    const now = await identity(TUNNEL);
    // Not when it is so already: its sessions would be made anew.
    if (now.key !== keys.key || now.port !== port) await setIdentity(TUNNEL, keys.file, port);
    await ipBatch([
      `link set ${TUNNEL} mtu ${mtus.tunnel} up`,
      ...(hasForwarded ? [] : [`link add ${FORWARDED} type vxlan external gpe dstport ${FORWARD_PORT}`]),
      `link set ${FORWARDED} mtu ${mtus.cnvm} up`,
    ]);
    const ruled = await linksOfTable(FORWARD_TABLE);
    const missing = [TUNNEL, FORWARDED].filter((link) => !ruled.includes(link));
    await ipBatch(missing.map((link) => `rule add iif ${link} lookup ${FORWARD_TABLE} pref ${FORWARD_TABLE}`));
    told.clear();
    await flushTable(FORWARD_TABLE);
    forwards = [];
  }

  return {
    /** Afterwards the tunnel is up, with the peers that it had. */
    async start(wanted: Mtus): Promise<void> {
      mtus = wanted;
      await make((await linkNames()).includes(FORWARDED));
    },
    /** Afterwards its peers are these. */
    async setPeers(peers: readonly TunnelPeer[]): Promise<void> {
      await ensure();
      const wanted = wantedPeers(peers);
      const change = tunnelChange(wanted, await allowedIps(TUNNEL), told, keepaliveSeconds);
      await addPeers(TUNNEL, change.add, `${keys.file}.peers`);
      for (const words of change.set) await setPeers(TUNNEL, words);
      told.clear();
      for (const { key, endpoint } of wanted) told.set(key, endpoint);
    },
    /** Afterwards what comes out of the tunnel for these, and for no others, is passed on. */
    async setForwards(wanted: readonly Forward[]): Promise<void> {
      const before = forwards;
      // At once: two that are told together must not both take the same one away.
      forwards = wanted;
      await ipBatch(forwardChanges(wanted, before, { device: FORWARDED, table: FORWARD_TABLE, source: address }));
    },
    /** Takes the key in the file. */
    rekey: async () => await setIdentity(TUNNEL, keys.file, port),
  };
}

/** Afterwards there is no tunnel. Harmless when there was none. */
export async function removeTunnel(): Promise<void> {
  const links = await linkNames();
  for (const link of [FORWARDED, TUNNEL]) if (links.includes(link)) await deleteLink(link);
  const ruled = await linksOfTable(FORWARD_TABLE);
  await ipBatch(ruled.map((link) => `rule delete iif ${link} lookup ${FORWARD_TABLE} pref ${FORWARD_TABLE}`));
  await flushTable(FORWARD_TABLE);
}
