#!/usr/bin/env node
/** `cnvm`: everything that is not a teleport. Parses, calls the daemon, prints what it says. */
import { Command } from 'commander';
import type { ListCnvmsResponse } from '../gen/cnvm/v1/cnvm.js';
import type { ListImagesResponse } from '../gen/cnvm/v1/image.js';
import type { ListNodesResponse } from '../gen/cnvm/v1/node.js';
import { addCnvmCommands } from './cnvm-commands.js';
import { COMMON_OPTIONS, type CommonOptions, connected, runProgram, withCommonOptions } from './common-options.js';
import { completionScript } from './completion.js';
import { call } from './connect.js';
import { addDashboardCommand } from './dashboard-command.js';
import { addEvacuationCommands } from './evacuation-commands.js';
import { addEverydayCommands } from './everyday-commands.js';
import { addImageCommands } from './image-commands.js';
import { addManCommand } from './man-command.js';
import { addMeshCommands } from './mesh-commands.js';
import { addOverlayCommands } from './overlay-commands.js';
import { addPkiCommands } from './pki-commands.js';
import { referenceOf } from './reference.js';
import { addSnapshotCommands } from './snapshot-commands.js';
import { addTopCommand } from './top-command.js';
import { addWatchCommand } from './watch-command.js';

const program = new Command('cnvm').description('machines as portable as containers').enablePositionalOptions();
addCnvmCommands(program);
addImageCommands(program);
addMeshCommands(program);
addEvacuationCommands(program);
addPkiCommands(program);
addOverlayCommands(program);
addEverydayCommands(program);
addWatchCommand(program);
addTopCommand(program);
addDashboardCommand(program);
addSnapshotCommands(program);

program
  .command('completion <shell>')
  .description('print a completion script for bash, zsh or fish')
  .action((shell: string) => {
    process.stdout.write(completionScript(shell, program));
  });

addManCommand(program);
program.command('__reference', { hidden: true }).action(() => {
  process.stdout.write(referenceOf(program, COMMON_OPTIONS));
});

// For the completion scripts: names, one a line.
withCommonOptions(program.command('__names', { hidden: true })).action(async (options: CommonOptions) => {
  const { cnvms } = await connected(options, (connection) =>
    call<ListCnvmsResponse>(connection, (done) => connection.cnvms.listCnvms({ all: true }, done)),
  );
  process.stdout.write(cnvms.map((cnvm) => `${cnvm.name}\n`).join(''));
});
withCommonOptions(program.command('__nodes', { hidden: true })).action(async (options: CommonOptions) => {
  const { nodes } = await connected(options, (connection) =>
    call<ListNodesResponse>(connection, (done) => connection.nodes.listNodes({}, done)),
  );
  process.stdout.write(nodes.map((node) => `${node.name}\n`).join(''));
});

withCommonOptions(program.command('__images', { hidden: true })).action(async (options: CommonOptions) => {
  const { images } = await connected(options, (connection) =>
    call<ListImagesResponse>(connection, (done) => connection.images.listImages({}, done)),
  );
  process.stdout.write(images.flatMap(({ names }) => names.map((name) => `${name}\n`)).join(''));
});

await runProgram(program, process.argv);
