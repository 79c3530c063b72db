/**
 * What the kernel shows of multicast groups that a process's network listens to. Invariant: only read; the groups that the
 * kernel joins by itself are not among them.
 */
import { endianness } from 'node:os';
import { readIfThere } from '../base/proc.js';

export interface Group {
  readonly address: string;
  readonly device: string;
}

/** All hosts, and those that watch for routers. */
const KERNEL_V4 = new Set(['224.0.0.1', '224.0.0.106']);
/** All nodes, all routers where it forwards, those that watch for them, and one for each address that is its own. */
const KERNEL_V6 = /^(?:ff0[12]0{26}01|ff0[125]0{26}02|ff020{26}6a|ff020{18}01ff[0-9a-f]{6})$/;

/** @param pid as the node numbers it; none are found when it has ended. */
export const groupsOf = (pid: number): Group[] => [
  ...groupsOfV4(readIfThere(`/proc/${pid}/net/igmp`), endianness() === 'LE'),
  ...groupsOfV6(readIfThere(`/proc/${pid}/net/igmp6`)),
];

/** @param text as in /proc/net/igmp: a line of each device, "4 eth0 : 1 V3", and of each of its groups, in the machine's order. */
export function groupsOfV4(text: string, littleEndian: boolean): Group[] {
  const groups: Group[] = [];
  let device = '';
  for (const line of text.split('\n')) {
    device = /^\d+\s+(\S+)\s*:/.exec(line)?.[1] ?? device;
    const bytes = /^\s+([0-9A-F]{8})\s/.exec(line)?.[1]?.match(/../g);
    if (bytes === undefined || bytes === null) continue;
    const numbers = bytes.map((byte) => Number.parseInt(byte, 16));
    const address = (littleEndian ? numbers.reverse() : numbers).join('.');
    if (!KERNEL_V4.has(address)) groups.push({ address, device });
  }
  return groups;
}

/** @param text as in /proc/net/igmp6: "4 eth0 ff020000000000000000000000000001 1 0000000C 0". */
export function groupsOfV6(text: string): Group[] {
  return [...text.matchAll(/^\d+\s+(\S+)\s+([0-9a-f]{32})\s/gm)]
    .filter(([, , digits = '']) => !KERNEL_V6.test(digits))
    .map(([, device = '', digits = '']) => ({ address: shortened(digits), device }));
}

/** As a URL's host is written: its longest run of zeros is left out. */
const shortened = (digits: string): string =>
  new URL(`http://[${digits.match(/..../g)?.join(':')}]`).hostname.slice(1, -1);
