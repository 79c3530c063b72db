/**
 * The overlay of this node: its own address, the way to every cnvm, and what keeps packets from one that is frozen.
 * Invariant: everything it makes carries its mark (routes their protocol number, the table its name, links their
 * name or group), so a daemon that starts anew finds it, and nothing else is ever touched.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { messageOf } from '../base/errors.js';
import { inTurn } from '../base/in-turn.js';
import { hardwareAddress, linkName } from '../cnvms/address.js';
import type { NetworkPort } from '../cnvms/network-port.js';
import { deleteLink, ipBatch, linkTowards, mtuOf, routesOf, vethNames } from '../tools/ip.js';
import { nft } from '../tools/nft.js';
import { hookScript } from './hook.js';
import { openKeys } from './keys.js';
import { createNames } from './names.js';
import { openRemembered } from './remembered.js';
import { baseRules, CNVM_GROUP, FORWARD_MS, GATEWAY, letIn, setContent, TUNNEL } from './rules.js';
import { type Mtus, mtusOf, type OverlayCard } from './tunnel.js';
import { createTunnelLink, removeTunnel, type TunnelLink } from './tunnel-link.js';
import { createUnderlay } from './underlay.js';
import { routeChanges, wantedRoutes } from './wanted.js';
import { moves, peerRoutes, tunnelPeers, type World, wantedForwards } from './world.js';

/** Marks our routes; unassigned in iproute2's rt_protos. */
const ROUTE_PROTOCOL = 199;
/** Marks the one route that is never compared: the last resort. */
const FENCE_PROTOCOL = 198;
const FENCE_METRIC = 9_999;
/** It is always up, and its addresses are the node's on every link. */
const NODE_LINK = 'lo';
/** Of a network whose links say nothing: Ethernet's. */
const LINK_MTU = 1_500;
/** How long something that was ended from outside is missing, and how much longer than promised packets are passed on. */
const LOOK_AGAIN_MS = 10_000;

export interface OverlayOptions {
  /** This node's name. */
  readonly node: string;
  readonly network: string;
  /** This node's own overlay address. */
  readonly address: string;
  readonly encryption: 'wireguard' | 'none';
  /** WireGuard's UDP port. */
  readonly port: number;
  /** Of the links between the nodes, in bytes; undefined to go by the link towards each of `hosts`. */
  readonly mtu: number | undefined;
  readonly keepaliveSeconds: number;
  /** Hosts of the peers that are known from the start. */
  readonly hosts: readonly string[];
  /** For keys and what is remembered; survives a reboot. */
  readonly stateDir: string;
  /** For what the resolver reads. */
  readonly runDir: string;
  readonly log: Logger;
}

export interface Overlay extends NetworkPort {
  /** Makes the node's own part. Harmless when it is there. */
  start(): Promise<void>;
  /** Afterwards traffic goes to the peers as told, and what was told before and is not now does not. */
  setBehind(world: World): Promise<void>;
  /** What peers must know of this node's end. Nothing before `start`. */
  card(): OverlayCard;
  /** Afterwards the card names a next key, which peers are to know before `changeKey`. */
  prepareKey(): Promise<void>;
  /** Afterwards the next key is the one in use. Peers that know it lose nothing. */
  changeKey(): Promise<void>;
}

const NO_CARD: OverlayCard = { key: '', nextKey: '', port: 0, mtu: 0 };

export function createOverlay(options: OverlayOptions): Overlay {
  const { node, network, address: own, log, port, keepaliveSeconds } = options;
  const encrypted = options.encryption === 'wireguard';
  const stateDir = join(options.stateDir, 'overlay');
  const underlay = createUnderlay(log);
  const names = createNames(join(options.runDir, 'names'), log);
  const remembered = openRemembered(join(stateDir, 'peers.json'));
  let mtus: Mtus = mtusOf(options.mtu ?? LINK_MTU, encrypted);
  let keys: Awaited<ReturnType<typeof openKeys>> | undefined;
  let tunnel: TunnelLink | undefined;
  let told: World | undefined;
  /** Until when packets for those that have left are passed on. */
  const left = new Map<string, number>();
  /** Whose links were here and are not: until then packets for them are nobody else's. */
  const unwired = new Set<string>();
  let hostsSet = '';
  let saidRefused = '';

  async function measure(): Promise<number> {
    const links = await Promise.all(
      options.hosts.map(async (host) => await linkTowards((await underlay.addressOf(host)) ?? host)),
    );
    const sizes = links.flatMap((link) => (link === undefined ? [] : [mtuOf(link) ?? LINK_MTU]));
    return sizes.length === 0 ? LINK_MTU : Math.min(...sizes);
  }

  async function startTunnel(): Promise<void> {
    keys = await openKeys(stateDir);
    tunnel = createTunnelLink({ keys, address: own, port, keepaliveSeconds });
    try {
      await tunnel.start(mtus);
    } catch (error) {
      // What a node cannot reach is no reason to serve nothing; it is tried again, and the self-check says so, too.
      log.error({ error: messageOf(error) }, 'there is no tunnel to the peers');
    }
  }

  function sayRefused({ peers }: World): void {
    const refused = peers.filter(({ card }) => card !== undefined && (card.key !== '') !== encrypted);
    const names = refused.map(({ name }) => name).join(', ');
    if (names !== '' && names !== saidRefused)
      log.error(
        { peers: names },
        `the overlay is ${encrypted ? 'not encrypted there, and is here' : 'encrypted there, and not here'}: nothing goes there`,
      );
    saidRefused = names;
  }

  async function keepWorld(world: World): Promise<void> {
    const full = remembered.complete(world);
    const { came, left: gone } = moves(told, full, node);
    const now = performance.now();
    for (const address of came) left.delete(address);
    for (const address of gone) left.set(address, now + FORWARD_MS);
    for (const [address, until] of left) if (until < now) left.delete(address);
    for (const address of unwired) if (!left.has(address)) unwired.delete(address);
    if (came.length > 0) await nft(letIn(came));
    told = full;
    const addresses = await underlay.addressesOf(full.peers.map(({ host }) => host));
    sayRefused(full);
    if (tunnel !== undefined) await tunnel.setPeers(tunnelPeers(full, addresses));
    const ways = peerRoutes(full, addresses, encrypted ? { device: TUNNEL, mtu: mtus.cnvm } : undefined);
    await ipBatch(routeChanges(wantedRoutes(ways, own), await routesOf(ROUTE_PROTOCOL), ROUTE_PROTOCOL));
    await passOn();
    await fence([...addresses.values()]);
    await names.serve(full.cnvms);
    await remembered.keep(full);
  }

  /** Afterwards packets for those that have left, and whose links are gone, go on to where they are now. */
  async function passOn(): Promise<void> {
    const gone = [...left.keys()].filter((address) => unwired.has(address));
    if (told !== undefined) await tunnel?.setForwards(wantedForwards(told, gone));
  }

  async function fence(hosts: readonly string[]): Promise<void> {
    const content = setContent(
      'hosts',
      [...new Set(hosts)].filter((host) => !host.includes(':')),
    );
    if (content !== hostsSet) await nft(content);
    hostsSet = content;
  }

  const inOrder = inTurn(keepWorld);
  /** The last that was wanted, and what became of it. */
  let wanted: { readonly said: string; readonly world: World; done: Promise<void> } | undefined;

  async function setBehind(world: World): Promise<void> {
    const said = JSON.stringify(world);
    // Peers say again and again what they have said.
    if (wanted?.said !== said) wanted = { said, world, done: inOrder(world) };
    const mine = wanted;
    try {
      await mine.done;
    } catch (error) {
      if (wanted === mine) wanted = { ...mine, said: '' };
      throw error;
    }
  }

  /** Does once more what is wanted. */
  async function again(): Promise<void> {
    if (wanted !== undefined) await inOrder(wanted.world);
  }

  async function lookAgain(): Promise<void> {
    try {
      await again();
    } catch (error) {
      log.error({ error: messageOf(error) }, 'the overlay could not be looked after');
    }
  }

  return {
    setBehind,

    async start() {
      await writeFile('/proc/sys/net/ipv4/ip_forward', '1');
      await ipBatch(await ownPart(own, network));
      await nft(baseRules({ network, encrypted }));
      mtus = mtusOf(options.mtu ?? (await measure()), encrypted);
      if (encrypted) await startTunnel();
      else await removeTunnel();
      await names.serve([]);
      setInterval(() => void lookAgain(), LOOK_AGAIN_MS).unref();
    },

    card: () => (keys === undefined ? NO_CARD : { key: keys.key, nextKey: keys.nextKey, port, mtu: mtus.cnvm }),
    async prepareKey() {
      await keys?.prepare();
    },
    async changeKey() {
      keys?.change();
      await tunnel?.rekey();
    },

    async hook(address, directory) {
      unwired.delete(address);
      const path = join(directory, 'link.sh');
      const facts = { address, gatewaySource: own, link: linkName(address), hardware: hardwareAddress(address) };
      await writeFile(path, hookScript({ ...facts, mtu: mtus.cnvm }), { mode: 0o700 });
      return ['/bin/sh', path];
    },

    async open(address) {
      await nft(`add element inet cnvm closed { ${address} }\ndelete element inet cnvm closed { ${address} }\n`);
    },

    async close(address) {
      await nft(`add element inet cnvm closed { ${address} }\n`);
    },

    async unwire(address) {
      unwired.add(address);
      // First the way on, and then there is no way here. What is lost until the end of this is lost to who has not heard.
      if (left.has(address)) await passOn();
      await deleteLink(linkName(address));
      await this.open(address);
    },

    resolvConf: () => names.resolvConf(),
  };
}

/** What is the node's own whatever it hears, as commands for `ip -batch`. */
async function ownPart(own: string, network: string): Promise<string[]> {
  return [
    `address replace ${own}/32 dev ${NODE_LINK}`,
    // Of a scope that is never picked as a source.
    `address replace ${GATEWAY}/32 dev ${NODE_LINK} scope link`,
    // What nobody has is not to leave by the default route.
    `route replace unreachable ${network} metric ${FENCE_METRIC} proto ${FENCE_PROTOCOL}`,
    ...(await vethNames()).filter(isCnvmLink).map((link) => `link set ${link} group ${CNVM_GROUP}`),
  ];
}

/** As `linkName` makes it. */
const isCnvmLink = (link: string) => /^cn[0-9a-f]{8}$/.test(link);
