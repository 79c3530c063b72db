/** `cnvm config`: what the daemon goes by, and whether a file is valid. Needs no daemon. */
import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { messageOf, refused } from '../base/errors.js';
import { type Explained, explainConfig } from '../base/explain-config.js';
import { jsonText, table } from './text.js';

const FILE = '/etc/cnvm/cnvmd.yaml';

export function addConfigCommand(program: Command): void {
  const config = program
    .command('config')
    .description("the daemon's config: what each key is worth, and whether it is valid");
  const add = (usage: string, description: string, options: { isDefault?: boolean } = {}) =>
    config.command(usage, options).description(description).option('--json', 'print JSON');
  add('show [file]', 'print every key with what it is worth, and whether the file or the default says so', {
    isDefault: true,
  }).action((file: string | undefined, { json = false }: { json?: boolean }) => {
    const keys = read(file);
    process.stdout.write(json ? `${jsonText(keys)}\n` : configText(keys));
  });
  add('check [file]', 'say whether it is valid, and name every wrong key; exit code 2 when it is not').action(
    (file: string | undefined, { json = false }: { json?: boolean }) => {
      read(file);
      process.stdout.write(json ? `${jsonText({ file: file ?? FILE, valid: true })}\n` : `${file ?? FILE} is valid\n`);
    },
  );
}

function read(file = FILE): Explained[] {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw refused('invalid', `cannot read the config ${file}: ${messageOf(error)}`, {
      remedy: 'Name another file, or write one: it needs "overlay: {address: 10.100.0.N}" at least.',
      cause: error,
    });
  }
  return explainConfig(text, file);
}

export function configText(keys: readonly Explained[]): string {
  const rows = keys.map(({ key, value, from }) => [
    key,
    from,
    typeof value === 'string' ? value : (jsonText(value) ?? '-'),
  ]);
  return table(['KEY', 'FROM', 'VALUE'], rows);
}
