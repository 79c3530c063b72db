/** What a new cnvm may be, pure: every reason for a no at once. */
import { addressRefusal } from './address.js';
import type { NewCnvm, PublishedPort } from './cnvm.js';
import { wishesRefusals } from './labels.js';

/** A DNS name in lower case; also a directory, a cgroup and a runc id, so nothing else may be in it. */
const NAME = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$/;
/** DNS allows 253; the kernel's host names end at 64. */
const NAME_MAX = 64;
/** Below this not even init starts. */
const MEMORY_MIN_BYTES = 16 * 1024 * 1024;
const PIDS_MIN = 8;
const CPU_MIN_MILLIS = 10;

export interface Taken {
  /** Name to the node that owns it. */
  readonly names: ReadonlyMap<string, string>;
  /** Address to the name of the cnvm or node that has it. */
  readonly addresses: ReadonlyMap<string, string>;
}

export function nameRefusal(name: string): string | undefined {
  if (name.length <= NAME_MAX && NAME.test(name)) return undefined;
  return `"${name}" is not a name: lower-case letters, digits, hyphens and dots, at most ${NAME_MAX}`;
}

/** Every reason why this cnvm cannot be made; empty when it can. */
export function newCnvmRefusals(order: NewCnvm, network: string, taken: Taken): string[] {
  const { limits, address } = order;
  const owner = taken.names.get(order.name);
  const holder = address === undefined ? undefined : taken.addresses.get(address);
  return [
    nameRefusal(order.name),
    owner === undefined ? undefined : `the name ${order.name} is taken: it runs on ${owner}`,
    address === undefined ? undefined : addressRefusal(address, network),
    holder === undefined ? undefined : `the address ${address} is taken by ${holder}`,
    ...portRefusals(order.ports),
    ...wishesRefusals(order.wishes),
    ...order.program.env
      .filter((entry) => !/^[^=\0]+=[^\0]*$/.test(entry))
      .map((entry) => `"${entry}" is no KEY=value for the environment`),
    tooSmall('memory', limits.memoryBytes, MEMORY_MIN_BYTES, 'bytes'),
    tooSmall('cpu', limits.cpuMillis, CPU_MIN_MILLIS, 'thousandths'),
    tooSmall('pids', limits.pids, PIDS_MIN, 'processes'),
  ].filter((reason) => reason !== undefined);
}

/** Each is a rule of the node's packet filter. */
export const PORTS_MAX = 1_000;

function portRefusals(ports: readonly PublishedPort[]): string[] {
  const wrong = ports
    .filter(({ nodePort, cnvmPort }) => !isPort(nodePort) || !isPort(cnvmPort))
    .map(({ nodePort, cnvmPort }) => `there is no port ${isPort(nodePort) ? cnvmPort : nodePort}`);
  const keys = ports.map(portKey);
  const twice = [...new Set(keys.filter((key, index) => keys.indexOf(key) !== index))];
  const many = ports.length > PORTS_MAX ? [`${ports.length} ports are more than ${PORTS_MAX}`] : [];
  return [...wrong, ...many, ...twice.map((key) => `the port ${key} is published twice`)];
}

const isPort = (port: number) => Number.isInteger(port) && port >= 1 && port <= 65_535;

/** What makes two published ports the same one of a node. */
export function portKey({ nodePort, protocol }: PublishedPort): string {
  return `${nodePort}/${protocol}`;
}

/** Ports of `wanted` that others here have already, each a sentence. */
export function takenPorts(
  wanted: readonly PublishedPort[],
  others: readonly { readonly name: string; readonly ports?: readonly PublishedPort[] | undefined }[],
  node: string,
): string[] {
  const holders = new Map(
    others.flatMap(({ name, ports = [] }) => ports.map((port) => [portKey(port), name] as const)),
  );
  return wanted.flatMap((port) => {
    const holder = holders.get(portKey(port));
    return holder === undefined ? [] : [`the port ${portKey(port)} of ${node} leads to ${holder}`];
  });
}

function tooSmall(what: string, value: number, least: number, unit: string): string | undefined {
  return value === 0 || value >= least ? undefined : `a ${what} limit of ${value} ${unit} is below the least, ${least}`;
}

/**
 * What a directory below a landing zone may be called. It becomes part of mount options and of rsync's config, where
 * commas, colons, quotes, percent signs and line ends mean something.
 */
const LANDING_PART = /^(?!\.{1,2}$)[\p{L}\p{N}._@+=~-]([\p{L}\p{N} ._@+=~-]*[\p{L}\p{N}._@+=~-])?$/u;
/** The kernel's paths end at 4095; the cnvm's own directory and all that lies in it come below. */
const LANDING_MAX = 1024;

/** The landing zone that holds `directory`, or undefined: it must be one, or lie plainly below one. */
export function landingZoneOf(directory: string, zones: readonly string[]): string | undefined {
  if (directory.length > LANDING_MAX) return undefined;
  return zones.find((zone) => {
    if (directory === zone) return true;
    const below = directory.startsWith(`${zone}/`) ? directory.slice(zone.length + 1).split('/') : [];
    return below.length > 0 && below.every((part) => LANDING_PART.test(part));
  });
}
