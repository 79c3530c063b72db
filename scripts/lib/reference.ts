/** `npm run reference`: writes the references of commands, config and API in src/docs, which a test holds to be fresh. */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { apiReference } from './reference-api.js';
import { configReference } from './reference-config.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
export const REFERENCE = `${ROOT}/src/docs/commands.md`;
/** What makes each page. */
export const REFERENCES: Readonly<Record<string, () => string>> = {
  [REFERENCE]: reference,
  [`${ROOT}/src/docs/config.md`]: () => configReference(ROOT),
  [`${ROOT}/src/docs/api.md`]: () => apiReference(ROOT),
};

const HEAD = `# Commands

Made by \`npm run reference\` from what \`--help\` prints, which says more of some: how a value is written, and exit codes.

Every command that calls a daemon also takes \`--json\`, \`--socket PATH\`, and, to call one elsewhere, \`--endpoint HOST:PORT\` with
\`--tls-ca\`, \`--tls-cert\`, \`--tls-key\` and \`--tls-name\`.
`;

function reference(): string {
  const parts = ['teleport', 'cnvm'].map((program) =>
    execFileSync(process.execPath, ['--import', 'tsx', `${ROOT}/src/cli/${program}.ts`, '__reference'], {
      cwd: ROOT,
      encoding: 'utf8',
    }),
  );
  return [HEAD, ...parts].join('\n');
}

if (process.argv[1] === fileURLToPath(import.meta.url))
  for (const [page, make] of Object.entries(REFERENCES)) writeFileSync(page, make());
