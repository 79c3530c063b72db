/** What every command takes: how to reach the daemon, and whether to print JSON. */
import { readFileSync } from 'node:fs';
import { type Command, CommanderError, Option } from 'commander';
import { type Connection, connect, type Where } from './connect.js';
import { EXIT, EXIT_HELP } from './exit-codes.js';
import { reportError, reportUsage } from './report-error.js';

export interface CommonOptions {
  readonly json?: boolean;
  readonly socket: string;
  readonly endpoint?: string;
  readonly tlsCa?: string;
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  readonly tlsName?: string;
}

/** Their long names. */
export const COMMON_OPTIONS = [
  '--json',
  '--socket',
  '--endpoint',
  '--tls-ca',
  '--tls-cert',
  '--tls-key',
  '--tls-name',
] as const;

/** Adds them to a command. */
export function withCommonOptions(command: Command): Command {
  return command
    .option('--json', 'print JSON')
    .addOption(new Option('--socket <path>', "the daemon's socket").env('CNVM_SOCKET').default('/run/cnvm/cnvmd.sock'))
    .addOption(new Option('--endpoint <host:port>', 'a daemon over TCP instead').env('CNVM_ENDPOINT'))
    .addOption(new Option('--tls-ca <file>', "the mesh's CA").env('CNVM_CA'))
    .addOption(new Option('--tls-cert <file>', "an operator's certificate").env('CNVM_CERT'))
    .addOption(new Option('--tls-key <file>', 'its key').env('CNVM_KEY'))
    .addOption(new Option('--tls-name <name>', "the name in the daemon's certificate").env('CNVM_SERVER_NAME'));
}

export function whereOf(options: CommonOptions): Where {
  return {
    socket: options.socket,
    endpoint: options.endpoint,
    ca: options.tlsCa,
    cert: options.tlsCert,
    key: options.tlsKey,
    serverName: options.tlsName ?? options.endpoint?.replace(/:\d+$/, ''),
  };
}

/** Runs `act` with a connection that is closed afterwards. */
export async function connected<T>(options: CommonOptions, act: (connection: Connection) => Promise<T>): Promise<T> {
  const connection = connect(whereOf(options));
  try {
    return await act(connection);
  } finally {
    connection.close();
  }
}

/** The version of the package. */
export function version(): string {
  const file = new URL('../../package.json', import.meta.url);
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;
}

/** What each program's help has beside its own. */
export function withProgramHelp(program: Command): Command {
  return program.version(version()).addHelpText('after', `\n${EXIT_HELP}`);
}

/** Parses and runs a program; its exit code is the process's. */
export async function runProgram(program: Command, argv: readonly string[]): Promise<void> {
  // Who reads has seen enough, as "head" has: that is no failure, but what is done goes on.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
  });
  withProgramHelp(program);
  for (const command of [program, ...program.commands, ...program.commands.flatMap((one) => one.commands)]) {
    command.exitOverride().showHelpAfterError('(--help says more)');
  }
  // What is wrong with the words themselves is found before it is known which of them are the command's own.
  let json = argv.includes('--json');
  program.hook('preAction', (_, command) => {
    // Others may be those of what is to run in a cnvm.
    json = command.opts<CommonOptions>().json ?? false;
  });
  try {
    await program.parseAsync([...argv]);
  } catch (error) {
    if (!(error instanceof CommanderError)) process.exitCode = reportError(error, program.name(), json);
    else process.exitCode = error.exitCode === 0 ? EXIT.ok : reportUsage(error.message, json);
  }
}
