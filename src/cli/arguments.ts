/** What people type, taken apart. Pure; a wrong argument is refused with what would be right. */
import { refused } from '../base/errors.js';
import { labelOf } from '../cnvms/labels.js';

export interface Destination {
  /** Kept for habit; who runs things on the target is the target's own affair. */
  readonly user: string | undefined;
  readonly host: string;
  /** Undefined: the target's first landing zone. */
  readonly landing: string | undefined;
}

const DESTINATION = /^(?:([^@:/[\]\s]+)@)?(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?)(?::(.*))?$/s;

/** `[user@]HOST[:LANDING]`; an IPv6 host stands in brackets. */
export function parseDestination(text: string): Destination {
  const match = DESTINATION.exec(text);
  const [, user, host = '', , landing] = match ?? [];
  if (match === null)
    throw refused('invalid', `"${text}" is not [user@]HOST[:LANDING], for example cnvm@node2:/home/cnvm/sneakers`);
  if (landing !== undefined && !landing.startsWith('/')) {
    throw refused('invalid', `the landing "${landing}" must be an absolute directory, for example /home/cnvm/sneakers`);
  }
  return { user, host: host.replace(/^\[|\]$/g, ''), landing };
}

const SIZE_UNITS: Readonly<Record<string, number>> = { '': 1, k: 2 ** 10, m: 2 ** 20, g: 2 ** 30, t: 2 ** 40 };

/** "512M", "1.5GiB", "1048576": bytes; K, M, G and T are powers of 1024. */
export function parseSize(text: string): number {
  const match = /^(\d{1,15}(?:\.\d{1,6})?)\s*([kmgt]?)(?:i?b)?$/i.exec(text.trim());
  const unit = SIZE_UNITS[(match?.[2] ?? '').toLowerCase()] ?? Number.NaN;
  // Below half a byte it is 0, which would mean "without a limit".
  const bytes = match === null ? Number.NaN : Math.round(Number(match[1]) * unit);
  if (Number.isSafeInteger(bytes) && bytes > 0) return bytes;
  throw refused('invalid', `"${text}" is no size; write for example 512M or 1.5G`);
}

/** "20MB", "512k", "1.5GiB", each with or without "/s": bytes a second. As networks count: MB is a power of 1000, MiB of 1024. */
export function parseRate(text: string): number {
  const match = /^(\d{1,15}(?:\.\d{1,6})?)\s*([kmg]?)(i?)b?(?:\/s)?$/i.exec(text.trim());
  const power = ['', 'k', 'm', 'g'].indexOf((match?.[2] ?? '').toLowerCase());
  const unit = match?.[3] === '' ? 1000 : 1024;
  const bytes = match === null || (power === 0 && match[3] !== '') ? 0 : Math.round(Number(match[1]) * unit ** power);
  if (Number.isSafeInteger(bytes) && bytes >= RATE_MIN) return bytes;
  throw refused(
    'invalid',
    `"${text}" is no rate of at least ${RATE_MIN} bytes a second; write for example 20MB or 512K`,
  );
}
/** Below it a migration would take for ever, and who means kilobytes would not notice. */
const RATE_MIN = 1000;

const DURATION_UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };
/** What the protocol's 32 bits hold. */
const DURATION_MS_MAX = 2 ** 32 - 1;

/** "10s", "500ms", "2m", "1h": milliseconds. */
export function parseDuration(text: string): number {
  const match = /^(\d{1,9}(?:\.\d{1,3})?)\s*(ms|s|m|h)$/.exec(text.trim());
  const ms =
    match === null ? Number.NaN : Math.round(Number(match[1]) * (DURATION_UNITS[match[2] ?? ''] ?? Number.NaN));
  if (ms <= DURATION_MS_MAX) return ms;
  throw refused('invalid', `"${text}" is no duration; write for example 10s, 500ms or 2m`);
}

/** "1.5" CPUs: thousandths. */
export function parseCpus(text: string): number {
  const millis = /^\d{1,4}(\.\d{1,3})?$/.test(text) ? Math.round(Number(text) * 1000) : 0;
  if (millis > 0) return millis;
  throw refused('invalid', `"${text}" is no number of CPUs; write for example 2 or 0.5`);
}

/** A whole number from 1 on. */
export function parseCount(text: string): number {
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
  throw refused('invalid', `"${text}" is no whole number above 0`);
}

export interface PortSpec {
  readonly nodePort: number;
  readonly cnvmPort: number;
  readonly protocol: string;
}

/** "8080:80", "5353:53/udp"; "exposed" for each that the image says it listens on. May be given more than once. */
export function collectPorts(text: string, before: readonly (PortSpec | 'exposed')[]): (PortSpec | 'exposed')[] {
  if (text === 'exposed') return [...before, text];
  const [, node = '', cnvm = '', protocol = 'tcp'] = /^(\d{1,5}):(\d{1,5})(?:\/(tcp|udp))?$/.exec(text) ?? [];
  const [nodePort, cnvmPort] = [Number(node), Number(cnvm)];
  const isPort = (port: number) => port >= 1 && port <= 65_535;
  if (isPort(nodePort) && isPort(cnvmPort)) return [...before, { nodePort, cnvmPort, protocol }];
  throw refused('invalid', `"${text}" is no port; write NODE:CNVM, for example 8080:80 or 5353:53/udp, or "exposed"`);
}

/** For an option that may be given more than once. (One that takes several values would eat what follows it.) */
export function collect(value: string, before: readonly string[]): string[] {
  return [...before, value];
}

/** "tier=web" and the like; the last of one key counts. */
export function parseLabels(texts: readonly string[]): Record<string, string> {
  const labels = texts.map((text) => {
    const label = labelOf(text);
    if (label === undefined) throw refused('invalid', `"${text}" is no label; write KEY=value, for example tier=web`);
    return label;
  });
  return Object.fromEntries(labels);
}
