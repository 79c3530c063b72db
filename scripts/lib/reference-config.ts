/** The reference of the daemon's config, src/docs/config.md, made from the schema: its comments, and what it gives for nothing. */
import { readFileSync } from 'node:fs';
import { parseConfig } from '../../src/base/config.js';

const HEAD = `# The config of a node

Made by \`npm run reference\` from \`src/base/config.ts\`. The daemon reads \`/etc/cnvm/cnvmd.yaml\`, or what \`--config\` names;
\`cnvmd --check-config\` and \`cnvm config check FILE\` name every wrong key, and \`cnvm config\` shows what a file comes to. Paths are
absolute; times are in seconds.

| key | default | what it is |
|---|---|---|
`;
/** What nobody can guess for a node; all else has a default, or may be left out. */
const REQUIRED = 'overlay.address';
/** Differs from machine to machine. */
const OWN_NAME = 'node';

interface Key {
  readonly path: string;
  readonly comment: string;
}

export function configReference(root: string): string {
  const text = readFileSync(`${root}/src/base/config.ts`, 'utf8');
  const given = parseConfig('overlay: {address: 10.100.0.1}\nmetrics: {}\n', 'minimal');
  const lines = keysOf(text).map(({ path, comment }) => `| \`${path}\` | ${defaultOf(path, given)} | ${comment} |`);
  return `${HEAD}${lines.join('\n')}\n`;
}

/** Every key of the schema with the comment before it, in order; those of one that holds others after it. */
export function keysOf(text: string): Key[] {
  const body = text.slice(
    text.indexOf('const schema = z.strictObject({'),
    text.indexOf('\n});', text.indexOf('const schema')),
  );
  const keys: Key[] = [];
  const within: { readonly indent: number; readonly name: string }[] = [];
  let comment = '';
  for (const line of body.split('\n').slice(1)) {
    const said = /^\s*\/\*\* (.*) \*\/$/.exec(line)?.[1];
    if (said !== undefined) comment = said;
    const [, space = '', name] = /^( +)(\w+): /.exec(line) ?? [];
    if (name === undefined) continue;
    while ((within.at(-1)?.indent ?? -1) >= space.length) within.pop();
    within.push({ indent: space.length, name });
    keys.push({ path: within.map((one) => one.name).join('.'), comment });
    comment = '';
  }
  return keys;
}

function defaultOf(path: string, given: object): string {
  if (path === REQUIRED) return '*must be given*';
  if (path === OWN_NAME) return 'the host’s name';
  const value = path
    .split('.')
    .reduce<unknown>((one, key) => (one as Record<string, unknown> | undefined)?.[key], given);
  if (value === undefined || (typeof value === 'object' && !Array.isArray(value))) return '';
  return `\`${JSON.stringify(value)}\``;
}
