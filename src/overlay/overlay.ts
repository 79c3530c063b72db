/**
 * The overlay of this node: its own address, the way to every cnvm, and what keeps packets from one that is frozen.
 * Invariant: everything it makes carries its mark (routes their protocol number, the table its name, links their
 * prefix), so a daemon that starts anew finds it, and nothing else is ever touched.
 */
import { lookup } from 'node:dns/promises';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { readFileIfAny } from '../base/atomic-file.js';
import { hardwareAddress, linkName } from '../cnvms/address.js';
import type { NetworkPort } from '../cnvms/network-port.js';
import { deleteLink, ipBatch, linkNames, routesOf } from '../tools/ip.js';
import { nft } from '../tools/nft.js';
import { hookScript } from './hook.js';
import { type Published, publishRules } from './publish.js';
import { baseRules } from './rules.js';
import { routeChanges, wantedRoutes } from './wanted.js';

/** Marks our routes; unassigned in iproute2's rt_protos. */
const ROUTE_PROTOCOL = 199;
/** It is always up, and its addresses are the node's on every link. */
const NODE_LINK = 'lo';

export interface OverlayOptions {
  readonly network: string;
  /** This node's own overlay address. */
  readonly address: string;
  readonly log: Logger;
}

/** Something of a peer's: where it is on the overlay, and the host of the peer's endpoint. */
export interface Behind {
  readonly address: string;
  readonly host: string;
}

export interface Overlay extends NetworkPort {
  /** Makes the node's own part. Harmless when it is there. */
  start(): Promise<void>;
  /** Afterwards traffic goes to the peers as told, and what was told before and is not now does not. */
  setBehind(behind: readonly Behind[]): Promise<void>;
  /** Afterwards these ports of the node lead to cnvms, and no others. */
  publish(published: readonly Published[]): Promise<void>;
}

export function createOverlay(options: OverlayOptions): Overlay {
  const { network, address: own, log } = options;
  const resolved = new Map<string, string>();
  let queue: Promise<void> = Promise.resolve();

  async function underlay(host: string): Promise<string | undefined> {
    const known = resolved.get(host);
    if (known !== undefined) return known;
    try {
      const found = await lookup(host, { family: 4 });
      resolved.set(host, found.address);
      return found.address;
    } catch (error) {
      log.warn({ host, error }, 'cannot resolve a peer; nothing is routed to it');
      return undefined;
    }
  }

  async function apply(behind: readonly Behind[]): Promise<void> {
    const peers = await Promise.all(
      behind.map(async (item) => ({ address: item.address, via: await underlay(item.host) })),
    );
    const known = peers.flatMap((peer) => (peer.via === undefined ? [] : [{ address: peer.address, via: peer.via }]));
    await ipBatch(routeChanges(wantedRoutes(known, own), await routesOf(ROUTE_PROTOCOL), ROUTE_PROTOCOL));
  }

  return {
    async start() {
      await writeFile('/proc/sys/net/ipv4/ip_forward', '1');
      await ipBatch([`address replace ${own}/32 dev ${NODE_LINK}`]);
      await nft(baseRules(network));
    },

    setBehind(behind) {
      // One at a time, in order: the last word told is the last one applied.
      queue = queue.catch(() => undefined).then(() => apply(behind));
      return queue;
    },

    publish(published) {
      queue = queue.catch(() => undefined).then(() => nft(publishRules(published, network, own)));
      return queue;
    },

    async hook(address, directory) {
      const path = join(directory, 'link.sh');
      await writeFile(
        path,
        hookScript({ address, gatewaySource: own, link: linkName(address), hardware: hardwareAddress(address) }),
        {
          mode: 0o700,
        },
      );
      return ['/bin/sh', path];
    },

    async open(address) {
      await nft(`add element inet cnvm closed { ${address} }\ndelete element inet cnvm closed { ${address} }\n`);
    },

    async close(address) {
      await nft(`add element inet cnvm closed { ${address} }\n`);
    },

    async unwire(address) {
      if ((await linkNames()).includes(linkName(address))) await deleteLink(linkName(address));
      await this.open(address);
    },

    async resolvConf() {
      return withoutLoopback((await readFileIfAny('/etc/resolv.conf')) ?? '');
    },
  };
}

/** A resolver on the node's loopback is not to be reached from a cnvm. */
function withoutLoopback(resolvConf: string): string {
  return resolvConf
    .split('\n')
    .filter((line) => !/^\s*nameserver\s+(127\.|::1)/.test(line))
    .join('\n');
}
