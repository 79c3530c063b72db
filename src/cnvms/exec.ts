/** Runs a command in a cnvm. Invariant: the command ends when nobody listens to it any more. */
import type { Readable } from 'node:stream';
import { refused } from '../base/errors.js';
import { type RunningTool, run, spawnTool } from '../tools/run.js';
import type { Inside, Runc } from '../tools/runc.js';
import { onTerminal, resizeTerminal } from '../tools/terminal.js';
import type { ExecIo, ExecOrder } from './exec-order.js';
import { type Ids, namedIds, numericIds } from './users.js';

/** Any code is the command's own word, no failure of ours. */
const EXIT_CODES = Array.from({ length: 256 }, (_, code) => code);

/** @returns the command's exit code. @throws `refused` when the user is not known in the cnvm. */
export async function execInside(
  runc: Runc,
  imageEnv: readonly string[],
  order: ExecOrder,
  io: ExecIo,
): Promise<number> {
  const inside = await runc.inside(order.name);
  const ids = await findUser(inside, order);
  const inner = inside(execOptions(order, ids, imageEnv), order.argv);
  const argv = order.tty === undefined ? inner : onTerminal(inner);
  io.signal.throwIfAborted();
  const tool = spawnTool(argv, { pipes: true, accept: EXIT_CODES });
  const hangUp = () => tool.kill('SIGHUP');
  io.signal.addEventListener('abort', hangUp);
  try {
    if (order.tty !== undefined) followSize(tool, order.tty, io);
    // It may end before it has read everything; what is left is nobody's loss.
    tool.stdin.on('error', () => undefined);
    io.stdin.pipe(tool.stdin);
    await Promise.all([forward(tool.stdout, io.stdout), forward(tool.stderr, io.stderr)]);
    return await tool.ended;
  } finally {
    io.signal.removeEventListener('abort', hangUp);
    hangUp();
  }
}

/** runc's options for it. */
export function execOptions(order: ExecOrder, ids: Ids, imageEnv: readonly string[]): string[] {
  const terminal = order.tty === undefined ? [] : ['TERM=xterm-256color'];
  const env = [...imageEnv, `HOME=${ids.home}`, ...terminal, ...order.env];
  return [
    ...(order.tty === undefined ? [] : ['--tty']),
    '--user',
    `${ids.uid}:${ids.gid}`,
    ...ids.groups.flatMap((group) => ['--additional-gids', String(group)]),
    '--cwd',
    order.cwd === '' ? '/' : order.cwd,
    ...env.flatMap((entry) => ['--env', entry]),
  ];
}

/** A name means what it means inside, so it is looked up inside: its files are not ours to trust or to open. */
async function findUser(inside: Inside, order: ExecOrder): Promise<Ids> {
  if (order.user === '') return { uid: 0, gid: 0, groups: [], home: '/root' };
  const numeric = numericIds(order.user);
  if (numeric !== undefined) return numeric;
  const read = async (file: string) => {
    const result = await run(inside([], ['cat', file]), { accept: EXIT_CODES });
    return result.exitCode === 0 ? result.stdout : '';
  };
  const named = namedIds(order.user, await read('/etc/passwd'), await read('/etc/group'));
  if (named === undefined) throw refused('not-found', `${order.name} has no user "${order.user}"`);
  return named;
}

async function forward(from: Readable, to: (chunk: Uint8Array) => Promise<void>): Promise<void> {
  for await (const chunk of from) await to(chunk as Uint8Array);
}

/** A size that comes too early or too late finds no terminal, and does not matter. */
function followSize(tool: RunningTool, first: { rows: number; columns: number }, io: ExecIo): void {
  const set = (size: { rows: number; columns: number }) =>
    void resizeTerminal(tool.pid, size.rows, size.columns).catch(() => undefined);
  setTimeout(() => set(first), FIRST_SIZE_AFTER_MS);
  io.onResize(set);
}

/** script(1) has opened its terminal by then. */
const FIRST_SIZE_AFTER_MS = 100;
