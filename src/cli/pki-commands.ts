/** `cnvm pki`: the certificates of a mesh, made in a directory. Needs no daemon. */
import type { Command } from 'commander';
import { initPki, issueNode, issueOperator } from '../pki/pki-dir.js';
import { jsonText } from './text.js';

interface PkiCommandOptions {
  readonly dir: string;
  readonly force?: boolean;
  readonly json?: boolean;
}

export function addPkiCommands(program: Command): void {
  const pki = program.command('pki').description("make a mesh's certificates");
  const add = (usage: string, description: string) =>
    pki
      .command(usage)
      .description(description)
      .requiredOption('--dir <dir>', 'where they are kept')
      .option('--force', 'replace what is there')
      .option('--json', 'print JSON');
  add('init', 'make the CA').action(async (options: PkiCommandOptions) => {
    report(await initPki(options.dir, { force: options.force ?? false }), options);
  });
  add('node <name>', 'make a certificate for a node').action(async (name: string, options: PkiCommandOptions) => {
    report(await issueNode(options.dir, name, { force: options.force ?? false }), options);
  });
  add('operator <name>', 'make a certificate for an operator').action(
    async (name: string, options: PkiCommandOptions) => {
      report(await issueOperator(options.dir, name, { force: options.force ?? false }), options);
    },
  );
}

function report(files: readonly string[], { json }: PkiCommandOptions): void {
  process.stdout.write(json ? `${jsonText({ files })}\n` : files.map((file) => `${file}\n`).join(''));
}
