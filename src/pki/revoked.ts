/** What is revoked, as a set that only grows until its members have expired. Pure. */
import { BACKDATE_MS, LIFETIME_MS_MAX } from './lifetimes.js';

/** By serial number, in plain spelling: when it was revoked. */
export type Revoked = ReadonlyMap<string, number>;

/** Both; of what is in both the earlier time. */
export function union(one: Revoked, other: Revoked): Revoked {
  const all = new Map(one);
  for (const [serial, atMs] of other) all.set(serial, Math.min(atMs, all.get(serial) ?? atMs));
  return all;
}

/** Whether `other` has something that `one` has not. */
export function lacks(one: Revoked, other: Revoked): boolean {
  return [...other.keys()].some((serial) => !one.has(serial));
}

/** Without what has expired by itself by now, whoever issued it. */
export function stillValid(revoked: Revoked, nowMs: number): Revoked {
  return new Map([...revoked].filter(([, atMs]) => nowMs <= atMs + LIFETIME_MS_MAX + BACKDATE_MS));
}
