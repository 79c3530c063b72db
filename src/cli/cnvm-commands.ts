/** `cnvm create start stop rm ls inspect exec ssh logs`: the life of a cnvm. */

import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import type { Command } from 'commander';
import { refused } from '../base/errors.js';
import type {
  Cnvm,
  CnvmState,
  CreateCnvmRequest,
  CreateCnvmResponse,
  GetCnvmResponse,
  ListCnvmsResponse,
  RemoveCnvmResponse,
  StartCnvmResponse,
  StopCnvmResponse,
} from '../gen/cnvm/v1/cnvm.js';
import {
  collect,
  collectPorts,
  type PortSpec,
  parseCount,
  parseCpus,
  parseDuration,
  parseLabels,
  parseSize,
} from './arguments.js';
import { callOrLeave } from './call-or-leave.js';
import { type CommonOptions, connected, withCommonOptions } from './common-options.js';
import { type Connection, call, messages } from './connect.js';
import { execCommand } from './exec-command.js';
import { pullIfElsewhere } from './image-commands.js';
import { bytesText, jsonText, table, wordOf } from './text.js';

type Option<T> = { readonly [K in keyof T]?: T[K] } & CommonOptions;

export function addCnvmCommands(program: Command): void {
  const add = (usage: string, description: string) =>
    withCommonOptions(program.command(usage)).description(description);

  addCreate(program);
  add('start <name>', 'start a stopped cnvm')
    .option(
      '--force',
      'also when another node, which does not run it, claims it at the same epoch: this one becomes the owner',
    )
    .action(start);
  add('stop <name>', 'stop a cnvm: its stop signal, then KILL')
    .option('--grace <time>', 'between the two', parseDuration, 10_000)
    .action(stop);
  add('rm <name>', 'remove a stopped cnvm and its disk').option('--force', 'stop it first').action(remove);
  add('ls', 'list the cnvms of this node; (!) marks one that another node claims')
    .option('--all', 'and those of the peers')
    .action(list);
  add('inspect <name>', 'everything that is known of a cnvm').action(inspect);
  add('exec <name> <command...>', "run a command in a cnvm; its exit code is the command's")
    .passThroughOptions()
    .option('-i, --interactive', 'accepted for habit: input is always connected')
    .option('-t, --tty', 'on a terminal')
    .option('-u, --user <user>', 'as this user, or uid[:gid]', '')
    .option('-w, --cwd <dir>', 'in this directory', '')
    .option('-e, --env <key=value>', 'with this in the environment; may be given more than once', collect, [])
    .action(exec);
  add('ssh <name> [command...]', 'open an ssh session in a cnvm')
    .passThroughOptions()
    .option('-l, --login <user>', 'as this user', 'user')
    .action(ssh);
  add('logs <name>', "print a cnvm's system log")
    .option('-f, --follow', 'and what comes after it')
    .option('-n, --tail <lines>', 'only the last lines', parseCount, 0)
    .action(logs);
}

function addCreate(program: Command): void {
  withCommonOptions(program.command('create <name> [command...]'))
    .description('make a cnvm and start it; after "--" what it runs in the place of its image\'s command')
    .option(
      '--image <name>',
      'what it is made from: a name or a digest of "cnvm image ls"; or docker://HOST/NAME, which is pulled',
      'base',
    )
    .option('--insecure', 'an image that is pulled: over plain HTTP, or with a certificate that nobody vouches for')
    .option('--address <ip>', 'its address on the overlay (default: the next free one, from 10.100.101.111 on)')
    .option('--memory <size>', 'limit, for example 512M', parseSize, 0)
    .option('--cpus <n>', 'limit, for example 1.5', parseCpus, 0)
    .option('--pids <n>', 'limit of processes', parseCount, 0)
    .option('--landing <dir>', 'a landing zone of this node or a directory below one')
    .option(
      '--port <node:cnvm[/udp]>',
      'a port of the node that leads to it and moves with it; may be given more than once; "exposed": all of the image',
      collectPorts,
      [],
    )
    .option('-e, --env <key=value>', 'with this in the environment; may be given more than once', collect, [])
    .option('--entrypoint <program>', "in the place of the image's; again for each word more", collect, [])
    .option('--label <key=value>', 'says this of it, also to the two below; may be given more than once', collect, [])
    .option('--affinity <key=value>', 'evacuated, it rather goes where a cnvm has such a label', collect, [])
    .option('--anti-affinity <key=value>', 'evacuated, it never goes where a cnvm has such a label', collect, [])
    .option('--no-start', 'leave it stopped')
    .action(create);
}

interface CreateOptions {
  image: string;
  insecure: boolean;
  address: string;
  memory: number;
  cpus: number;
  pids: number;
  landing: string;
  start: boolean;
  port: (PortSpec | 'exposed')[];
  env: string[];
  entrypoint: string[];
  label: string[];
  affinity: string[];
  antiAffinity: string[];
}

async function create(name: string, command: string[], options: Option<CreateOptions>): Promise<void> {
  const { port: ports = [], env = [], entrypoint = [], image = '' } = options;
  const { label = [], affinity = [], antiAffinity = [] } = options;
  const request: CreateCnvmRequest = {
    name,
    image: await pullIfElsewhere(image, options),
    address: options.address ?? '',
    limits: { memoryBytes: BigInt(options.memory ?? 0), cpuMillis: options.cpus ?? 0, pids: options.pids ?? 0 },
    noStart: options.start === false,
    landing: options.landing ?? '',
    ports: ports.filter((port) => port !== 'exposed'),
    publishExposed: ports.includes('exposed'),
    ...{ entrypoint, command, env, labels: parseLabels(label), affinity, antiAffinity },
  };
  await oneCnvm(options, (connection) =>
    callOrLeave<CreateCnvmResponse>(connection, (done) => connection.cnvms.createCnvm(request, done)),
  );
}

async function start(name: string, options: Option<{ force: true }>): Promise<void> {
  const request = { name, force: options.force === true };
  await oneCnvm(options, (connection) =>
    callOrLeave<StartCnvmResponse>(connection, (done) => connection.cnvms.startCnvm(request, done)),
  );
}

async function stop(name: string, options: Option<{ grace: number }>): Promise<void> {
  const request = { name, graceMs: options.grace };
  await oneCnvm(options, (connection) =>
    callOrLeave<StopCnvmResponse>(connection, (done) => connection.cnvms.stopCnvm(request, done)),
  );
}

async function inspect(name: string, options: CommonOptions): Promise<void> {
  const { cnvm } = await connected(options, (connection) =>
    call<GetCnvmResponse>(connection, (done) => connection.cnvms.getCnvm({ name }, done)),
  );
  process.stdout.write(
    options.json ? `${jsonText(cnvm)}\n` : `${JSON.stringify(JSON.parse(jsonText(cnvm)), null, 2)}\n`,
  );
}

async function remove(name: string, options: Option<{ force: boolean }>): Promise<void> {
  const request = { name, force: options.force ?? false };
  await connected(options, (connection) =>
    callOrLeave<RemoveCnvmResponse>(connection, (done) => connection.cnvms.removeCnvm(request, done)),
  );
  process.stdout.write(options.json ? `${jsonText({ name, removed: true })}\n` : `${name} is gone\n`);
}

async function list(options: Option<{ all: boolean }>): Promise<void> {
  const { cnvms } = await connected(options, (connection) =>
    call<ListCnvmsResponse>(connection, (done) => connection.cnvms.listCnvms({ all: options.all ?? false }, done)),
  );
  if (options.json) {
    process.stdout.write(`${jsonText(cnvms)}\n`);
    return;
  }
  const rows = cnvms.map((cnvm) => [
    cnvm.name,
    cnvm.address,
    `${stateText(cnvm.state)}${cnvm.conflict === '' ? '' : ' (!)'}`,
    cnvm.owner,
    cnvm.directory === '' ? '' : bytesText(Number(cnvm.memoryBytes)),
    cnvm.directory === '' ? '' : bytesText(Number(cnvm.diskBytes)),
  ]);
  process.stdout.write(table(['NAME', 'ADDRESS', 'STATE', 'NODE', 'MEMORY', 'DISK'], rows));
  for (const { name, conflict } of cnvms) if (conflict !== '') process.stdout.write(`(!) ${name}: ${conflict}\n`);
}

interface ExecOptions {
  tty: boolean;
  user: string;
  cwd: string;
  env: string[];
}

async function exec(name: string, words: string[], options: Option<ExecOptions>): Promise<void> {
  // The "--" that people put before the command is passed through like everything after the name.
  const argv = words[0] === '--' ? words.slice(1) : words;
  const { rows = 24, columns = 80 } = process.stdout;
  const { tty = false, user = '', cwd = '', env = [] } = options;
  process.exitCode = await connected(options, (connection) =>
    execCommand(connection, { name, argv, user, cwd, env, tty, rows, columns }),
  );
}

/** The host's own ssh: it is the better client. Host keys are asked about once and then held to. */
async function ssh(name: string, command: string[], options: Option<{ login: string }>): Promise<void> {
  const { cnvms } = await connected(options, (connection) =>
    call<ListCnvmsResponse>(connection, (done) => connection.cnvms.listCnvms({ all: true }, done)),
  );
  const cnvm = cnvms.find((candidate) => candidate.name === name);
  if (cnvm === undefined) throw refused('not-found', `there is no cnvm ${name}`);
  const argv = [
    '-o',
    'ServerAliveInterval=15',
    '-o',
    `HostKeyAlias=${name}`,
    '-l',
    options.login ?? 'user',
    cnvm.address,
    ...command,
  ];
  process.exitCode = await new Promise<number>((resolve, reject) => {
    const child = spawn('ssh', argv, { stdio: 'inherit' });
    child.on('error', reject);
    child.on('exit', (code, signal) => resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal])));
  });
}

async function logs(name: string, options: Option<{ follow: boolean; tail: number }>): Promise<void> {
  await connected(options, async (connection) => {
    const request = { name, follow: options.follow ?? false, tailLines: options.tail ?? 0 };
    for await (const { chunk } of messages(connection, connection.cnvms.readLogs(request))) process.stdout.write(chunk);
  });
}

async function oneCnvm(
  options: CommonOptions,
  act: (connection: Connection) => Promise<{ readonly cnvm: Cnvm | undefined }>,
): Promise<void> {
  const { cnvm } = await connected(options, act);
  if (options.json) process.stdout.write(`${jsonText(cnvm)}\n`);
  else if (cnvm !== undefined)
    process.stdout.write(`${cnvm.name} is ${stateText(cnvm.state)} at ${cnvm.address} on ${cnvm.owner}\n`);
}

function stateText(state: CnvmState): string {
  return wordOf(state, 'CNVM_STATE_');
}
