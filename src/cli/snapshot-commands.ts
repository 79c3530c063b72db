/** `cnvm snapshot` and `cnvm restore`: a cnvm in a directory, and a cnvm of one. */
import { resolve } from 'node:path';
import type { Command } from 'commander';
import type { Restored, RestoreSnapshotRequest, Snapshot } from '../gen/cnvm/v1/snapshot.js';
import { type CommonOptions, connected, withCommonOptions } from './common-options.js';
import { messages } from './connect.js';
import { createBars } from './image-bars.js';
import { bytesText, jsonText, msText, wordOf } from './text.js';

interface TakeOptions extends CommonOptions {
  readonly stop?: boolean;
  readonly oci?: boolean;
}

interface RestoreOptions extends CommonOptions {
  readonly name?: string;
  readonly address?: string;
  readonly landing?: string;
  readonly cold?: boolean;
  readonly force?: boolean;
  readonly start: boolean;
}

/** As other tools name an archive's place. */
const OCI_ARCHIVE = /^oci-archive:/;

export function addSnapshotCommands(program: Command): void {
  withCommonOptions(program.command('snapshot <name> <dir>'))
    .description('write memory and disk of a cnvm of this node into a new directory; it runs on afterwards')
    .option('--oci', 'into one new file instead, an OCI archive')
    .option('--stop', 'and leave it stopped: it does nothing after what is in the snapshot')
    .action(take);
  withCommonOptions(program.command('restore <dir|file>'))
    .description(
      'make a cnvm of a snapshot, a directory or an OCI archive, on this node; with its memory, it goes on where it was',
    )
    .option('--name <name>', 'under another name: a clone, which starts from its disk')
    .option('--address <ip>', 'with another address: it starts from its disk')
    .option('--landing <dir>', 'a landing zone of this node or a directory below one')
    .option('--cold', 'start it from its disk, though its memory is there')
    .option('--no-start', 'leave it stopped')
    .option('--force', 'though a node has it that is held for dead; should that node live, there are two for a while')
    .action(restore);
}

async function take(name: string, directory: string, options: TakeOptions): Promise<void> {
  const request = {
    name,
    directory: resolve(directory),
    stop: options.stop ?? false,
    ociArchive: options.oci ?? false,
  };
  const bars = createBars(options.json ?? false);
  const snapshot = await connected(options, async (connection) => {
    let taken: Snapshot | undefined;
    try {
      for await (const { event } of messages(connection, connection.snapshots.takeSnapshot(request))) {
        if (event?.$case === 'progress') bars.show('', event.value);
        if (event?.$case === 'snapshot') taken = event.value;
      }
    } finally {
      bars.clear();
    }
    return taken;
  });
  if (options.json) process.stdout.write(`${jsonText(snapshot)}\n`);
  else if (snapshot !== undefined) process.stdout.write(`${takenText(snapshot, options.stop ?? false)}\n`);
}

function takenText({ name, directory, memory, bytes, freezeMs }: Snapshot, stop: boolean): string {
  const what = memory ? 'memory and disk' : 'the disk';
  const how = !memory ? '' : stop ? '; it is stopped' : `; it was frozen for ${msText(freezeMs)}`;
  return `${what} of ${name} are in ${directory} (${bytesText(Number(bytes))})${how}`.replace(
    /^the disk (.*) are/,
    'the disk $1 is',
  );
}

async function restore(directory: string, options: RestoreOptions): Promise<void> {
  const request: RestoreSnapshotRequest = {
    directory: resolve(directory.replace(OCI_ARCHIVE, '')),
    ...{ name: options.name ?? '', address: options.address ?? '', landing: options.landing ?? '' },
    ...{ cold: options.cold ?? false, force: options.force ?? false, noStart: !options.start },
  };
  const bars = createBars(options.json ?? false);
  const restored = await connected(options, async (connection) => {
    let found: Restored | undefined;
    try {
      for await (const { event } of messages(connection, connection.snapshots.restoreSnapshot(request))) {
        if (event?.$case === 'progress') bars.show('', event.value);
        if (event?.$case === 'restored') found = event.value;
      }
    } finally {
      bars.clear();
    }
    return found;
  });
  if (options.json) process.stdout.write(`${jsonText(restored)}\n`);
  else if (restored?.cnvm !== undefined) process.stdout.write(restoredText(restored));
}

function restoredText({ cnvm, memory, notes }: Restored): string {
  if (cnvm === undefined) return '';
  const state = wordOf(cnvm.state, 'CNVM_STATE_');
  const how = memory ? ', and goes on where it was frozen' : '';
  const lines = [`${cnvm.name} is ${state} at ${cnvm.address} on ${cnvm.owner}${how}`, ...notes];
  return lines.map((line) => `${line}\n`).join('');
}
