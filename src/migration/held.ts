/**
 * A dump and its target fail together, and one of them is the reason. Invariant: what is thrown is the cause, as far as it
 * is heard in time, and not its consequence.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { failureOf } from '../base/failure-of.js';
import type { Dump } from '../cnvms/machine.js';

/** It is frozen meanwhile; the target only has to clear up what it has received. */
const REASON_MS = 1_000;

/**
 * Resolves when all is dumped and held.
 * @param collecting the target's call to take it.
 * @param targetLeft whether it was the target that broke the way for pages: why, is heard after the dump has broken.
 */
export async function heldOrWhyNot(dump: Dump, collecting: Promise<unknown>, targetLeft: () => boolean): Promise<void> {
  try {
    await Promise.race([dump.held, failureOf(collecting)]);
  } catch (error) {
    if (targetLeft()) await Promise.race([failureOf(collecting), sleep(REASON_MS)]);
    throw error;
  }
}
