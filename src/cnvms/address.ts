/**
 * Arithmetic of overlay addresses, pure. Invariant: a cnvm's uids, device names and hardware address follow from its
 * overlay address alone, so they are the same on every node and no two cnvms share any.
 */

/** How many uids a cnvm has: 0 to 65535, all that 16-bit programs can name. */
export const UID_COUNT = 65_536;
/** Host numbers below belong to nodes (x.y.0.N); their uid ranges would reach into the host's own users. */
const FIRST_CNVM_HOST = 256;
/** The first cnvm's host number, .101.111, as its users know it. */
const FIRST_GIVEN_HOST = 101 * 256 + 111;
const LAST_HOST = 65_534;

/** One way to write each: two that are written differently are taken for two. */
const BYTE = /^(0|[1-9]\d{0,2})$/;

/** The host part (0 to 65535) of an address in a /16, or undefined when it lies outside it. */
export function hostNumber(address: string, network: string): number | undefined {
  const parts = address.split('.');
  const bytes = parts.map(Number);
  const prefix = network.split('/')[0]?.split('.').slice(0, 2).join('.');
  if (bytes.length !== 4 || !parts.every((part) => BYTE.test(part)) || bytes.some((byte) => byte > 255))
    return undefined;
  if (`${bytes[0]}.${bytes[1]}` !== prefix) return undefined;
  return (bytes[2] ?? 0) * 256 + (bytes[3] ?? 0);
}

/** Why a cnvm cannot have this address, or undefined when it can. */
export function addressRefusal(address: string, network: string): string | undefined {
  const host = hostNumber(address, network);
  if (host === undefined) return `address ${address} is not in the overlay ${network}`;
  if (host < FIRST_CNVM_HOST) return `address ${address} is in the nodes' own part of the overlay`;
  if (host > LAST_HOST) return `address ${address} is the overlay's broadcast address`;
  return undefined;
}

/** First of the 65,536 host uids of a cnvm. Below 2^32 for every host number of a /16. */
export function uidBase(address: string): number {
  const [, , third = 0, fourth = 0] = address.split('.').map(Number);
  return (third * 256 + fourth) * UID_COUNT;
}

/**
 * The next free address from .101.111 on, round the overlay once; undefined when it is full. @param part only of those that
 * end with this byte.
 */
export function nextAddress(network: string, taken: ReadonlySet<string>, part?: number): string | undefined {
  const prefix = network.split('.').slice(0, 2).join('.');
  const span = LAST_HOST - FIRST_CNVM_HOST + 1;
  for (let step = 0; step < span; step += 1) {
    const host = FIRST_CNVM_HOST + ((FIRST_GIVEN_HOST - FIRST_CNVM_HOST + step) % span);
    if (part !== undefined && host % 256 !== part) continue;
    const address = `${prefix}.${Math.floor(host / 256)}.${host % 256}`;
    if (!taken.has(address)) return address;
  }
  return undefined;
}

/** The name of the node's end of a cnvm's link; 10 of the kernel's 15 characters. */
export function linkName(address: string): string {
  return `cn${hex(address)}`;
}

/** A cnvm's hardware address: locally administered, from its overlay address. */
export function hardwareAddress(address: string): string {
  return `02:c7:${(hex(address).match(/../g) ?? []).join(':')}`;
}

function hex(address: string): string {
  return address
    .split('.')
    .map((byte) => Number(byte).toString(16).padStart(2, '0'))
    .join('');
}
