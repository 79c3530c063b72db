/**
 * TCP connections that a program has closed while the last of what it wrote is still on its way. Invariant: only read; those
 * that a process still holds are not among them.
 */
import { readIfThere } from '../base/proc.js';

/** Of the column "st", in the kernel's include/net/tcp_states.h: FIN_WAIT1, LAST_ACK and CLOSING. */
const ENDING = new Set(['04', '09', '0B']);

/** How many the network of a process has. @param pid as the node numbers it; none when it has ended. */
export const closingOf = (pid: number): number =>
  closingIn(readIfThere(`/proc/${pid}/net/tcp`)) + closingIn(readIfThere(`/proc/${pid}/net/tcp6`));

/** @param text as in /proc/net/tcp: "SLOT: LOCAL REMOTE ST TX:RX TIMER RETRIES USER TIMEOUT INODE ...". */
export function closingIn(text: string): number {
  return text.split('\n').filter((line) => {
    const [, , , state = '', queues = '', , , , , inode] = line.trim().split(/\s+/);
    return ENDING.has(state) && inode === '0' && Number.parseInt(queues, 16) > 0;
  }).length;
}
