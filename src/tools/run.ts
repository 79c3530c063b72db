/**
 * Runs host programs. Invariant: an argv array, never a shell; `LC_ALL=C`; always a time limit or a cancel signal of
 * the caller's; a failure names the argv, the exit code and the last lines.
 */
import type { Duplex, Readable, Writable } from 'node:stream';
import { execa } from 'execa';
import { CnvmError, type ToolFailure } from '../base/errors.js';

/** Long enough for any of our short programs on a loaded machine. */
const DEFAULT_TIMEOUT_MS = 30_000;
/** After TERM on a time limit or a cancel. */
const KILL_AFTER_MS = 2_000;
const LAST_LINES = 20;

export interface RunOptions {
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal | undefined;
  readonly input?: string | Uint8Array;
  /** Of its output; latin1 keeps every byte as one character. */
  readonly encoding?: 'utf8' | 'latin1';
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Exit codes that are no failure, beside 0. */
  readonly accept?: readonly number[];
  /** Its output goes to /dev/null: for a program that leaves others behind, which would hold our pipes open. */
  readonly silent?: boolean;
}

export interface RunResult {
  readonly stdout: string;
  readonly stderr: string;
  readonly exitCode: number;
}

/** @throws `tool` when it cannot be started, fails, is cancelled or takes too long; it has ended then. */
export async function run(argv: readonly string[], options: RunOptions = {}): Promise<RunResult> {
  const [file = '', ...args] = argv;
  const result = await execa(file, args, {
    reject: false,
    timeout: options.timeoutMs ?? DEFAULT_TIMEOUT_MS,
    forceKillAfterDelay: KILL_AFTER_MS,
    env: { ...options.env, LC_ALL: 'C' },
    ...(options.signal === undefined ? {} : { cancelSignal: options.signal }),
    ...(options.encoding === undefined ? {} : { encoding: options.encoding }),
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    ...(options.silent ? { stdout: 'ignore' as const, stderr: 'ignore' as const } : {}),
    ...(options.input === undefined ? { stdin: 'ignore' as const } : { input: options.input }),
  });
  const { exitCode } = result;
  if (exitCode !== undefined && (exitCode === 0 || options.accept?.includes(exitCode))) {
    return { stdout: result.stdout ?? '', stderr: result.stderr ?? '', exitCode };
  }
  throw toolError({
    argv,
    exitCode,
    lastLines: lastLines(`${result.stdout ?? ''}\n${result.stderr ?? ''}`) || (result.originalMessage ?? ''),
  });
}

/** A program that goes on while we do other things. */
export interface RunningTool {
  readonly pid: number;
  /** Standard input and output; only with `pipes`. */
  readonly stdin: Writable;
  readonly stdout: Readable;
  readonly stderr: Readable;
  /** The other end of the program's socket. Only with `socketAt`. */
  readonly socket: Duplex;
  /** Resolves with its exit code when it has ended well. @throws `tool` otherwise. */
  readonly ended: Promise<number>;
  kill(signal: NodeJS.Signals): void;
}

export interface SpawnOptions {
  /** Give the program one end of a socket pair as this file descriptor, from 3 on; those below it are /dev/null. */
  readonly socketAt?: number;
  /** Connect its standard input and output; else they are /dev/null. */
  readonly pipes?: boolean;
  readonly env?: Readonly<Record<string, string>>;
  /** Exit codes that are no failure, beside 0. */
  readonly accept?: readonly number[];
}

/** Starts a program that the caller ends or waits for. One that cannot be started fails in `ended`. */
export function spawnTool(argv: readonly string[], options: SpawnOptions = {}): RunningTool {
  const [file = '', ...args] = argv;
  const bulk = options.pipes ? 'pipe' : 'ignore';
  const { socketAt } = options;
  const more =
    socketAt === undefined ? [] : [...Array.from({ length: socketAt - 3 }, () => 'ignore' as const), 'pipe' as const];
  const child = execa(file, args, {
    reject: false,
    buffer: false,
    env: { ...options.env, LC_ALL: 'C' },
    stdio: [bulk, bulk, 'pipe', ...more],
  });
  const tail: string[] = [];
  child.stderr?.on('data', (chunk: Uint8Array) => {
    tail.push(Buffer.from(chunk).toString());
    if (tail.length > LAST_LINES) tail.shift();
  });
  const ended = child.then((result) => {
    const { exitCode } = result;
    if (exitCode !== undefined && (exitCode === 0 || options.accept?.includes(exitCode))) return exitCode;
    const words = lastLines(tail.join('')) || (result.originalMessage ?? '');
    throw toolError({ argv, exitCode, lastLines: words });
  });
  // Whoever awaits it later still sees the failure; until then it must not end the daemon.
  ended.catch(() => undefined);
  return {
    pid: child.pid ?? 0,
    stdin: child.stdin as Writable,
    stdout: child.stdout as Readable,
    stderr: child.stderr as Readable,
    socket: child.stdio[socketAt ?? 3] as Duplex,
    ended,
    kill: (signal) => void child.kill(signal),
  };
}

/** A `tool` error whose message says what a person needs first. */
export function toolError(failure: ToolFailure): CnvmError {
  const how = failure.exitCode === undefined ? 'did not finish' : `failed with exit code ${failure.exitCode}`;
  const lines = failure.lastLines.split('\n');
  // Many programs name the fault first and its consequences after it.
  const last =
    failure.criuError ?? lines.find((line) => /error|cannot|failed|denied/i.test(line)) ?? lines.at(-1) ?? '';
  return new CnvmError('tool', `${failure.argv.slice(0, 2).join(' ')} ${how}${last === '' ? '' : `: ${last}`}`, {
    tool: failure,
  });
}

function lastLines(text: string): string {
  return text.trim().split('\n').slice(-LAST_LINES).join('\n').trim();
}
