/** `npm run reference`: writes the reference of all commands, src/docs/commands.md, which a test holds to be fresh. */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
export const REFERENCE = `${ROOT}/src/docs/commands.md`;

const HEAD = `# Commands

Made by \`npm run reference\` from what \`--help\` prints, which says more of some: how a value is written, and exit codes.

Every command that calls a daemon also takes \`--json\`, \`--socket PATH\`, and, to call one elsewhere, \`--endpoint HOST:PORT\` with
\`--tls-ca\`, \`--tls-cert\`, \`--tls-key\` and \`--tls-name\`.
`;

export function reference(): string {
  const parts = ['teleport', 'cnvm'].map((program) =>
    execFileSync(process.execPath, ['--import', 'tsx', `${ROOT}/src/cli/${program}.ts`, '__reference'], {
      cwd: ROOT,
      encoding: 'utf8',
    }),
  );
  return [HEAD, ...parts].join('\n');
}

if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(REFERENCE, reference());
