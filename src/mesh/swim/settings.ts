/**
 * The constants of the membership protocol, with their reasons. Invariant: every time scales with the probe period alone, so
 * that a faster or slower mesh behaves the same. Pure.
 *
 * SWIM: A. Das, I. Gupta, A. Motivala, "SWIM: Scalable Weakly-consistent Infection-style Process Group Membership
 * Protocol", DSN 2002. Lifeguard: A. Dadgar, J. Phillips, J. Currey, "Lifeguard: Local Health Awareness for More Accurate
 * Failure Detection", 2017 (arXiv:1707.00788).
 */

export interface Settings {
  /** Between two probes by one node (SWIM's protocol period T'). */
  readonly probeMs: number;
  /** How long a probed member may take. */
  readonly directMs: number;
  /** How long those may take who are asked to reach it; they wait `directMs` themselves, and the way there comes on top. */
  readonly indirectMs: number;
  /** Between two rounds of gossip, while there is something to tell. */
  readonly gossipMs: number;
  /** Between two comparisons of everything with one member. */
  readonly syncMs: number;
  /** How long a comparison may take: it is larger than a probe. */
  readonly syncTimeoutMs: number;
  /** Between two tries of somebody who is dead or not yet met; for ever. */
  readonly reconnectMs: number;
  /** A member that has left is forgotten after this time. */
  readonly leftKeptMs: number;
}

/** A tenth of the time in which people notice; one small message a second is nothing. */
export const PROBE_MS = 1_000;

export function settingsFor(probeMs: number = PROBE_MS): Settings {
  return {
    probeMs,
    // Half: what is left of the period is for those who are asked to help (memberlist's 500 ms of 1 s).
    directMs: probeMs / 2,
    indirectMs: probeMs,
    // News reach everybody in a few rounds: a fifth of a probe is a second for some hundred nodes.
    gossipMs: probeMs / 5,
    syncMs: probeMs * 10,
    syncTimeoutMs: probeMs * 4,
    reconnectMs: probeMs * 5,
    leftKeptMs: probeMs * 3_600,
  };
}

/** Members that are asked to reach one that does not answer: SWIM's k. With 3, one lost packet in ten does no harm. */
export const INDIRECT_COUNT = 3;
/** Members that each round of gossip goes to. */
export const GOSSIP_FANOUT = 3;
/** Each word is sent on this many times log10(n) times: enough that nobody is left out, see the simulation. */
export const RETRANSMIT_FACTOR = 4;
/** Lifeguard's alpha: the least time of a suspicion is this many periods times log10(n). */
export const SUSPICION_FACTOR = 4;
/** Lifeguard's beta: a suspicion that nobody shares lasts this many times longer. */
export const SUSPICION_MAX_FACTOR = 6;
/** Lifeguard's K: so many who share a suspicion make it as short as it gets. */
export const CONFIRMATIONS = 3;
/** Lifeguard's S: the worst local health; every period and time limit of the node is then nine times as long. */
export const HEALTH_MAX = 8;

/** Bytes of gossip in one message. A message of the mesh is no datagram, but small ones never delay others. */
export const WORDS_BYTES_MAX = 4_096;
/** Words that are taken from one message: more than ever fit into what we send. */
export const WORDS_MAX = 512;
/** Bytes of records in one comparison; the rest comes with the next one. */
export const RECORDS_BYTES_MAX = 2 * 1024 * 1024;
/** Members that one node knows at most: twice what the protocol was simulated with. */
export const MEMBERS_MAX = 2_048;
/** There are no more addresses in the overlay's /16, so no more cnvms. */
export const CLAIMS_MAX = 65_536;
/** Of one member: more cnvms than a machine carries, and a sixteenth of all. */
export const MEMBER_CLAIMS_MAX = 4_096;
/** Probes for others that run at once; a peer that asks for more is told at once that nobody was reached. */
export const RELAYS_MAX = 64;
/** Numbers beyond are no incarnations or revisions: they could not be counted on from. */
export const NUMBER_MAX = 2 ** 52;
/** By hearsay nobody's revision rises by more at once, or one lie would use all numbers up: 2^36 ms are two years. */
export const JUMP_MAX = 2 ** 36;
/** The same for incarnations: nobody objects a million times while another one looks away. */
export const OBJECTIONS_MAX = 2 ** 20;
