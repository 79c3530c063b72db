/** Where the peers' hosts are on the network between the nodes. A name is looked up once, and again when that failed. */
import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import type { Logger } from 'pino';

export function createUnderlay(log: Logger) {
  const resolved = new Map<string, string>();

  /** @returns undefined when nobody knows the host. IPv4 goes first. */
  async function addressOf(host: string): Promise<string | undefined> {
    const known = isIP(host) === 0 ? resolved.get(host) : host;
    if (known !== undefined) return known;
    try {
      const { address } = await lookup(host, { order: 'ipv4first' });
      resolved.set(host, address);
      return address;
    } catch (error) {
      log.warn({ host, error }, 'cannot resolve a peer; nothing is routed to it');
      return undefined;
    }
  }

  return {
    addressOf,
    /** By host; those that nobody knows are not in it. */
    async addressesOf(hosts: readonly string[]): Promise<Map<string, string>> {
      const found = await Promise.all([...new Set(hosts)].map(async (host) => [host, await addressOf(host)] as const));
      return new Map(found.flatMap(([host, address]) => (address === undefined ? [] : [[host, address] as const])));
    },
  };
}
