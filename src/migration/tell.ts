/**
 * News for a peer, which waits for it and does without it after a while: that a migration was called off, that what it
 * holds for us may go. Invariant: nothing depends on its being heard, so it never throws and keeps nobody.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { TargetLink } from './peer-port.js';
import { CALL_MS } from './source-run.js';

/** A link that was cut is often whole again in seconds. */
const AGAIN_MS = 1_000;
/** The longest that a peer waits for any news. */
const FOR_MS = 60_000;

/** Tells it once; what could not be told is told again in the background. @returns whether it has been heard already. */
export async function tell(news: () => Promise<void>): Promise<boolean> {
  if (await heard(news)) return true;
  void tellOn(news);
  return false;
}

async function tellOn(news: () => Promise<void>): Promise<void> {
  for (let waited = 0; waited < FOR_MS; waited += AGAIN_MS) {
    await sleep(AGAIN_MS, undefined, { ref: false });
    if (await heard(news)) return;
  }
}

async function heard(news: () => Promise<void>): Promise<boolean> {
  try {
    await news();
    return true;
  } catch {
    return false;
  }
}

/** Off a migration that a daemon before us has begun. @throws when it was not heard. */
export async function tellOff(link: TargetLink, migration: string, news: 'cancel' | 'release'): Promise<void> {
  if (news === 'release') await link.release(migration, { timeoutMs: CALL_MS });
  else await link.cancel(migration, 'the daemon of the source died', { timeoutMs: CALL_MS });
}
