/**
 * Takes secrets out of text that goes to somebody else. Pure. Invariant: what looks like a key, a token or a password is gone,
 * rather one word too many than one too few.
 */

const GONE = '[removed]';

/** Each finds a secret; what is kept of the match comes before it. */
const SECRETS: readonly RegExp[] = [
  // Private keys, of whatever kind, also on one line of JSON, and cut off at the end.
  /()-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z0-9 ]*PRIVATE KEY-----|$)/g,
  // What lets a node join.
  /()cnvm-join-[A-Za-z0-9+/=._-]+/g,
  // "password: x", "TOKEN=x", "--api-key x", {"secret":"x"}, and names that end so, as DB_PASSWORD.
  /((?:pass(?:word|wd|phrase)?|secret|token|credentials?|api[_-]?key|private[_-]?key|access[_-]?key|auth)["']?\s*[:=]\s*)(?:"(?:[^"\\]|\\.)*"|'[^']*'|[^\s,}\]]+)/gi,
  /(--(?:pass(?:word|wd|phrase)?|secret|token|api-key|private-key)[ =])\S+/gi,
  // Of HTTP, with its kind.
  /(authorization["']?\s*[:=]\s*["']?(?:basic|bearer|digest)?\s*)[^\s"',}]+/gi,
  /(\bbearer\s+)[A-Za-z0-9._~+/=-]{8,}/gi,
  // In an address: scheme://user:password@host
  /(\b[a-z][a-z0-9+.-]*:\/\/[^\s:/@]+:)[^\s@/]+(?=@)/gi,
];

/** The text without them. */
export function redactText(text: string): string {
  return SECRETS.reduce((rest, secret) => rest.replace(secret, `$1${GONE}`), text);
}

/** Keys of JSON whose values may be anything that somebody has put in: the environment of a cnvm, its command. */
const PRIVATE_KEYS: readonly string[] = ['env', 'environment', 'command', 'entrypoint', 'args', 'argv'];

/** The same for what is JSON: what a cnvm runs, and with what, is its owner's alone; names of variables stay. */
export function redactJson(value: unknown): unknown {
  if (typeof value === 'string') return redactText(value);
  if (Array.isArray(value)) return value.map(redactJson);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, part]) => {
      if (PRIVATE_KEYS.includes(key.toLowerCase())) return [key, hidden(part)];
      if (typeof part === 'string' && redactText(`${key}=${part}`) !== `${key}=${redactText(part)}`) return [key, GONE];
      return [key, redactJson(part)];
    }),
  );
}

function hidden(part: unknown): unknown {
  if (Array.isArray(part)) return part.map((one) => hidden(one));
  if (typeof part !== 'string') return part === null || part === undefined ? part : GONE;
  const name = /^[A-Za-z_][A-Za-z0-9_]*=/.exec(part)?.[0];
  return `${name ?? ''}${GONE}`;
}
