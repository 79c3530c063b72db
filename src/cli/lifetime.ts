/** Long durations as people type them. Pure. */
import { refused } from '../base/errors.js';

const UNITS: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** "12h", "90d", "30m": milliseconds. */
export function parseLifetime(text: string): number {
  const match = /^([1-9]\d{0,6})(s|m|h|d)$/.exec(text.trim());
  const ms = match === null ? 0 : Number(match[1]) * (UNITS[match[2] ?? ''] ?? 0);
  if (ms > 0) return ms;
  throw refused('invalid', `"${text}" is no time; write for example 30m, 12h or 90d`);
}
