/** `cnvm first-login`: what a login shell runs. The first time it makes the first cnvm, and says how to reach it; then nothing. */
import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Command } from 'commander';
import { messageOf } from '../base/errors.js';
import { type CommonOptions, connected, withCommonOptions } from './common-options.js';
import { type FirstOrder, firstCnvm } from './first-login.js';
import { jsonText } from './text.js';

interface FirstOptions extends CommonOptions, FirstOrder {
  readonly again?: boolean;
}

/** As its users know it. */
const NAME = 'sneaker01.gonkulator.io';
const ADDRESS = '10.100.101.111';

export function addFirstLoginCommand(program: Command): void {
  withCommonOptions(program.command('first-login'))
    .description(
      'make the first cnvm of the mesh, if there is none, and say how to reach it; once for each user and node',
    )
    .option('--name <name>', 'what it is called', NAME)
    .option('--address <ip>', 'its address on the overlay', ADDRESS)
    .option('--image <name>', 'what it is made from', 'base')
    .option('--again', 'also when this user has logged in here before')
    .action(firstLogin);
}

/** That this user has been here; beside what other programs remember of a user. */
const marker = () => join(process.env['XDG_STATE_HOME'] ?? join(homedir(), '.local', 'state'), 'cnvm', 'has-logged-in');

async function firstLogin({ name, address, image, again = false, ...options }: FirstOptions): Promise<void> {
  if (!again && existsSync(marker())) return;
  const say = (words: string) => {
    if (!options.json) process.stderr.write(`[o] ${words}\n`);
  };
  const { cnvm, made } = await connected(options, (connection) => firstCnvm(connection, { name, address, image }, say));
  const complaint = await remember(marker());
  if (complaint !== undefined && !options.json) process.stderr.write(`[!] ${complaint}\n`);
  if (options.json) process.stdout.write(`${jsonText({ cnvm, made })}\n`);
  else if (cnvm === undefined) process.stdout.write('this mesh has cnvms already; see them: cnvm ls --all\n');
  else process.stdout.write(welcome(cnvm.name, cnvm.address, cnvm.owner));
}

/** Afterwards the file is there; or what is returned says why not, and what comes of it. */
export async function remember(file: string): Promise<string | undefined> {
  try {
    await mkdir(dirname(file), { recursive: true, mode: 0o700 });
    await writeFile(file, '');
    return undefined;
  } catch (error) {
    return `this will be said again at the next login: ${messageOf(error)}`;
  }
}

function welcome(name: string, address: string, owner: string): string {
  return `
${name} is on ${owner}, at ${address}.

  ssh user@${address}        password: password
    Change it at once: passwd. Whoever reaches ${address} knows it, too.
  teleport ${name} cnvm@HOST:/home/cnvm/sneakers
    takes it to another node of "cnvm nodes"; your ssh session goes with it.

`;
}
