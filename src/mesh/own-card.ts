/** This node's card, from its facts. */
import { createHash } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { availableParallelism, loadavg, networkInterfaces } from 'node:os';
import type { OverlayCard } from '../overlay/tunnel.js';
import { hostOf } from './find-peer.js';
import { type NodeFacts, PROTOCOL_OLDEST, PROTOCOL_VERSION } from './node-facts.js';
import { type Card, coarse, overlayFields } from './swim/card.js';

/** @param endpoint where peers reach it. */
export function cardOf(facts: NodeFacts, endpoint: string, overlay: OverlayCard): Card {
  const modes = [
    facts.softDirty ? ['pre-copy'] : [],
    ['stop-copy'],
    facts.postCopyObstacles.length === 0 ? ['post-copy'] : [],
  ];
  return {
    name: facts.name,
    endpoint,
    overlayAddress: facts.overlayAddress,
    version: facts.version,
    protocolMin: PROTOCOL_OLDEST,
    protocolMax: PROTOCOL_VERSION,
    ...overlayFields(overlay),
    cordoned: facts.cordon !== '',
    strained: facts.strains.length > 0,
    facts: coarse({
      criuVersion: facts.criuVersion,
      runcVersion: facts.runcVersion,
      kernelRelease: facts.kernelRelease,
      architecture: facts.architecture,
      cpuDigest: createHash('sha256').update(facts.cpuFlags.join(' ')).digest('hex').slice(0, 16),
      cpus: availableParallelism(),
      memoryModes: modes.flat(),
      memoryTotalBytes: facts.memoryTotalBytes,
      memoryAvailableBytes: facts.memoryAvailableBytes,
      loadCenti: Math.round((loadavg()[0] ?? 0) * 100),
      cnvmCount: facts.cnvmCount,
      landingZones: facts.landingZones,
    }),
  };
}

const ANY_HOST = ['0.0.0.0', '::', ''];

/**
 * Where peers reach a node that listens on `listen`: there, or when that is every address, at the one from which it reaches
 * them. @param towards endpoints of peers. @param overlayAddress is no way to a peer.
 */
export async function reachedAt(
  listen: string,
  port: number,
  towards: readonly string[],
  overlayAddress: string,
): Promise<string> {
  const host = hostOf(listen);
  if (!ANY_HOST.includes(host)) return `${bracketed(host)}:${port}`;
  for (const endpoint of towards) {
    const own = await addressTowards(endpoint);
    if (own !== undefined && own !== overlayAddress) return `${bracketed(own)}:${port}`;
  }
  const all = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  const first = all.find(
    ({ internal, family, address }) => !internal && family === 'IPv4' && address !== overlayAddress,
  );
  return first === undefined ? '' : `${first.address}:${port}`;
}

const bracketed = (host: string): string => (host.includes(':') ? `[${host}]` : host);

/** The kernel's choice of a source address; no packet is sent. */
async function addressTowards(endpoint: string): Promise<string | undefined> {
  const host = hostOf(endpoint);
  const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4');
  try {
    return await new Promise((resolve) => {
      socket.once('error', () => resolve(undefined));
      socket.connect(Number(endpoint.slice(endpoint.lastIndexOf(':') + 1)), host, () =>
        resolve(socket.address().address),
      );
    });
  } finally {
    socket.close();
  }
}
