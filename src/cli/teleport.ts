#!/usr/bin/env node
/** `teleport`: moves a running cnvm to another node. Parses, calls the local daemon, shows what streams back. */
import { Command, Option } from 'commander';
import { Compression, MigrationMode, OnSlow } from '../gen/cnvm/v1/migration.js';
import { MAX_DOWNTIME_MS } from '../migration/migration.js';
import { parseDestination, parseDuration, parseRate } from './arguments.js';
import {
  COMMON_OPTIONS,
  type CommonOptions,
  connected,
  runProgram,
  version,
  withCommonOptions,
  withProgramHelp,
} from './common-options.js';
import { completionScript } from './completion.js';
import { followMigration } from './follow-migration.js';
import { manPages } from './man-page.js';
import { referenceOf } from './reference.js';

interface TeleportOptions extends CommonOptions {
  readonly dryRun?: boolean;
  readonly cold?: boolean;
  readonly postCopy?: boolean;
  readonly quiet?: boolean;
  readonly maxDowntime: number;
  readonly onSlow: keyof typeof ON_SLOW;
  readonly strict?: boolean;
  readonly bandwidth?: number;
  readonly compress: Compress;
}

const ON_SLOW = { 'stop-copy': OnSlow.STOP_COPY, throttle: OnSlow.THROTTLE, cancel: OnSlow.CANCEL } as const;
const COMPRESSIONS = { auto: Compression.AUTO, none: Compression.NONE, zstd: Compression.ZSTD } as const;
type Compress = keyof typeof COMPRESSIONS;

const EXAMPLES = `
Examples:
  teleport sneaker01.gonkulator.io cnvm@node2:/home/cnvm/sneakers
  teleport --dry-run sneaker01.gonkulator.io node2

HOST is a peer's name, address or overlay address. LANDING is one of the target's landing zones or a directory below
one; its first zone when it is left out. "user@" is accepted for habit and has no meaning.
Where the source's kernel tells which pages change, memory moves in rounds while the cnvm runs, until what is left fits
into --max-downtime, or another round would not help. --on-slow says what is done when its processes write faster than
the link carries: "stop-copy" freezes it all the same, "throttle" gives it less of the CPU, step by step and only until it
moves, "cancel" leaves it where it is. Elsewhere all of the memory moves while it is frozen; --dry-run says which it is.
--max-downtime is what is aimed for, no promise; with --strict a move that is expected to take longer is not made.
RATE limits disk, memory and images together, also while the cnvm is frozen. Its units are those of networks: KB, MB and
GB are powers of 1000, KiB, MiB and GiB of 1024, K, M and G the same as KB, MB and GB.
--post-copy keeps the downtime short whatever the memory's size. Until all of it has followed, the cnvm needs both nodes:
if the source or its frozen copy is lost, the target's daemon dies, or the two cannot reach each other for 15 minutes,
it ends as by a power cut: its disk is whole at the target, its memory is lost. Both nodes need userfaultfd and the sysctl
vm.unprivileged_userfaultfd=1; memory that processes share with each other is still copied while it is frozen. There are no
rounds then, and --on-slow has no meaning; --bandwidth is also what its processes have to wait for their memory by.
Ctrl-C calls the migration off and rolls it back, until the hand-over; after that it is followed to its end.`;

const program = withCommonOptions(new Command('teleport'))
  .description('move a running cnvm to another node, with its memory, connections, disk and address')
  .argument('<name>', 'the cnvm')
  .argument('<destination>', '[user@]HOST[:LANDING]')
  .option('--dry-run', 'say what would happen, with every reason why not, and change nothing')
  .option('--cold', 'stop it, move it, start it')
  .addOption(
    new Option('--max-downtime <time>', 'the downtime to aim for')
      .argParser(parseDuration)
      .default(MAX_DOWNTIME_MS, `${MAX_DOWNTIME_MS}ms`),
  )
  .addOption(
    new Option('--on-slow <what>', 'when it writes faster than the link carries')
      .choices(Object.keys(ON_SLOW))
      .default('stop-copy'),
  )
  .option('--strict', 'refuse it, or call it off before the freeze, when the downtime is expected to be longer')
  .option('--post-copy', 'run it at the target at once, its memory follows; a failure meanwhile ends it: see below')
  .option('--quiet', 'print only how it ended')
  .option('--bandwidth <rate>', 'send at most this many bytes a second, for example 20MB or 512K', parseRate)
  .addOption(
    new Option('--compress <how>', 'auto: where the link is slow enough for it to pay')
      .choices(Object.keys(COMPRESSIONS))
      .default('auto'),
  )
  .addHelpText('after', EXAMPLES)
  .action(async (name: string, destination: string, options: TeleportOptions) => {
    const { host, landing } = parseDestination(destination);
    const order = {
      name,
      target: host,
      landing: landing ?? '',
      mode: options.cold ? MigrationMode.COLD : MigrationMode.UNSPECIFIED,
      dryRun: options.dryRun ?? false,
      maxDowntimeMs: options.maxDowntime,
      onSlow: ON_SLOW[options.onSlow],
      strict: options.strict ?? false,
      bandwidth: BigInt(options.bandwidth ?? 0),
      compress: COMPRESSIONS[options.compress],
      postCopy: options.postCopy ?? false,
    };
    const show = { json: options.json ?? false, quiet: options.quiet ?? false };
    process.exitCode = await connected(options, (connection) => followMigration(connection, order, show));
  });

if (process.argv[2] === 'completion') process.stdout.write(completionScript(process.argv[3] ?? 'bash', program));
else if (process.argv[2] === '__man')
  process.stdout.write(manPages(withProgramHelp(program), version())[0]?.text ?? '');
else if (process.argv[2] === '__reference') process.stdout.write(referenceOf(program, COMMON_OPTIONS));
else await runProgram(program, process.argv);
