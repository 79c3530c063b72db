/** `cnvm overlay`: the encrypted network between the nodes. */
import type { Command } from 'commander';
import type { RekeyOverlayResponse } from '../gen/cnvm/v1/node.js';
import { type CommonOptions, connected, withCommonOptions } from './common-options.js';
import { call } from './connect.js';
import { EXIT } from './exit-codes.js';
import { jsonText } from './text.js';

export function addOverlayCommands(program: Command): void {
  const overlay = program.command('overlay').description('the encrypted network between the nodes');
  withCommonOptions(overlay.command('rekey'))
    .description(
      'give this node a new WireGuard key; no connection is lost; exit code 3 when a peer has not heard of it',
    )
    .action(rekey);
}

async function rekey(options: CommonOptions): Promise<void> {
  const answer = await connected(options, (connection) =>
    call<RekeyOverlayResponse>(connection, (done) => connection.nodes.rekeyOverlay({}, done)),
  );
  const { key, told, notTold } = answer;
  if (notTold.length > 0) process.exitCode = EXIT.unsettled;
  if (options.json) {
    process.stdout.write(`${jsonText(answer)}\n`);
    return;
  }
  process.stdout.write(`the key is ${key}; it is known to: ${told.join(', ') || 'nobody'}\n`);
  if (notTold.length > 0)
    process.stdout.write(`not heard by ${notTold.join(', ')}: the overlay does not reach them until they answer\n`);
}
