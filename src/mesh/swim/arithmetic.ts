/** The arithmetic of SWIM and Lifeguard; see `settings.ts` for both papers. Pure. */
import { CONFIRMATIONS, HEALTH_MAX, RETRANSMIT_FACTOR, SUSPICION_FACTOR, SUSPICION_MAX_FACTOR } from './settings.js';

/** How often each word is sent on by each member. SWIM section 4.1: lambda log n infects all but n^-(2 lambda - 2). */
export function retransmissions(members: number): number {
  return RETRANSMIT_FACTOR * Math.ceil(Math.log10(Math.max(members, 1) + 1));
}

export interface SuspicionBounds {
  readonly minMs: number;
  readonly maxMs: number;
  /** How many others must share it until it is as short as `minMs`. */
  readonly wanted: number;
}

/** Lifeguard section IV.B. In a mesh so small that nobody else could share it, it is short at once. */
export function suspicionBounds(members: number, probeMs: number): SuspicionBounds {
  const minMs = SUSPICION_FACTOR * Math.max(1, Math.log10(Math.max(members, 1))) * probeMs;
  // Neither the suspect nor who suspects first confirms anything.
  const wanted = Math.max(0, Math.min(CONFIRMATIONS, members - 2));
  return { minMs, maxMs: SUSPICION_MAX_FACTOR * minMs, wanted };
}

/** How long a suspicion lasts in all that so many others share: Lifeguard's max - (max - min) log(C + 1) / log(K + 1). */
export function suspicionMs({ minMs, maxMs, wanted }: SuspicionBounds, confirmations: number): number {
  if (wanted === 0 || confirmations >= wanted) return minMs;
  return Math.max(minMs, maxMs - ((maxMs - minMs) * Math.log(confirmations + 1)) / Math.log(wanted + 1));
}

/** The node's own health after something that speaks for (below 0) or against it. 0 is well. Lifeguard section IV.A. */
export function healthAfter(health: number, change: number): number {
  return Math.min(HEALTH_MAX, Math.max(0, health + change));
}

/** A time of the protocol, for a node of this health: one that is slow itself gives others more time. */
export function patient(ms: number, health: number): number {
  return ms * (health + 1);
}

/** Between two changes of the facts on a card that only say how busy a node is: all of them together stay one rate. */
export function factsPauseMs(members: number, probeMs: number): number {
  return Math.max(15, members) * probeMs;
}
