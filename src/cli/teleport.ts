#!/usr/bin/env node
/** `teleport`: moves a running cnvm to another node. Parses, calls the local daemon, shows what streams back. */
import { Command } from 'commander';
import { MigrationMode } from '../gen/cnvm/v1/migration.js';
import { parseDestination } from './arguments.js';
import { type CommonOptions, connected, runProgram, withCommonOptions } from './common-options.js';
import { completionScript } from './completion.js';
import { followMigration } from './follow-migration.js';

interface TeleportOptions extends CommonOptions {
  readonly dryRun?: boolean;
  readonly cold?: boolean;
  readonly postCopy?: boolean;
  readonly quiet?: boolean;
}

const EXAMPLES = `
Examples:
  teleport sneaker01.gonkulator.io cnvm@node2:/home/cnvm/sneakers
  teleport --dry-run sneaker01.gonkulator.io node2

HOST is a peer's name, address or overlay address. LANDING is one of the target's landing zones or a directory below
one; its first zone when it is left out. "user@" is accepted for habit and has no meaning.
--post-copy keeps the downtime short whatever the memory's size. Until all of it has followed, the cnvm needs both nodes:
if the source or its frozen copy is lost, the target's daemon dies, or the two cannot reach each other for 15 minutes,
it ends as by a power cut: its disk is whole at the target, its memory is lost. Both nodes need userfaultfd and the sysctl
vm.unprivileged_userfaultfd=1; memory that processes share with each other is still copied while it is frozen.
Ctrl-C calls the migration off and rolls it back, until the hand-over; after that it is followed to its end.`;

const program = withCommonOptions(new Command('teleport'))
  .description('move a running cnvm to another node, with its memory, connections, disk and address')
  .argument('<name>', 'the cnvm')
  .argument('<destination>', '[user@]HOST[:LANDING]')
  .option('--dry-run', 'say what would happen, with every reason why not, and change nothing')
  .option('--cold', 'stop it, move it, start it')
  .option('--post-copy', 'run it at the target at once, its memory follows; a failure meanwhile ends it: see below')
  .option('--quiet', 'print only how it ended')
  .addHelpText('after', EXAMPLES)
  .action(async (name: string, destination: string, options: TeleportOptions) => {
    const { host, landing } = parseDestination(destination);
    const order = {
      name,
      target: host,
      landing: landing ?? '',
      mode: options.cold ? MigrationMode.COLD : MigrationMode.UNSPECIFIED,
      dryRun: options.dryRun ?? false,
      postCopy: options.postCopy ?? false,
    };
    const show = { json: options.json ?? false, quiet: options.quiet ?? false };
    process.exitCode = await connected(options, (connection) => followMigration(connection, order, show));
  });

if (process.argv[2] === 'completion') process.stdout.write(completionScript(process.argv[3] ?? 'bash', program));
else await runProgram(program, process.argv);
