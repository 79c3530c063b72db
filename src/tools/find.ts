/** find and touch: files by their times. */
import { run, spawnTool } from './run.js';

const WALK_TIMEOUT_MS = 10 * 60_000;

/** A name in a directory that was looked through. */
export interface Entry {
  /** Relative to that directory, and empty for itself; a character for each byte. */
  readonly path: string;
  readonly directory: boolean;
  /** Names of the same file. */
  readonly links: number;
}

/** One of all that is in a directory, as it was when it was looked at. */
export interface Listed extends Entry {
  readonly inode: number;
  /** As `findChanged` would tell. */
  readonly changed: boolean;
}

/** Gives every file below `directory` that was changed after `sinceMs` (epoch) another time, the epoch's first second. */
export async function forgetTimes(directory: string, sinceMs: number): Promise<void> {
  const changed = ['-xdev', '-type', 'f', '-newermt', `@${sinceMs / 1000}`];
  const touch = ['touch', '--no-create', '--no-dereference', '-m', '--date=@0', '{}', '+'];
  await run(['find', directory, ...changed, '-exec', ...touch], { timeoutMs: WALK_TIMEOUT_MS });
}

/**
 * What of `directory`, itself included, has a time after `sinceMs` (epoch): the one that whoever may write to it can set, or
 * the one that the kernel alone sets, at every change of content, owner, mode, name or number of names.
 */
export async function findChanged(directory: string, sinceMs: number): Promise<Entry[]> {
  const since = `@${sinceMs / 1000}`;
  return await entries(['.', '-xdev', '(', '-newerct', since, '-o', '-newermt', since, ')'], directory);
}

/**
 * Tells of all that is in `directory`, itself included, and of nothing else that is mounted there. It may change meanwhile: what
 * is there all the time, and under one name, is told of.
 */
export async function listAll(
  directory: string,
  sinceMs: number,
  tell: (entry: Listed) => void,
  signal: AbortSignal,
): Promise<void> {
  signal.throwIfAborted();
  const since = `@${sinceMs / 1000}`;
  const changed = ['(', '-newerct', since, '-o', '-newermt', since, ')'];
  const lines = [...changed, '-printf', '+ %i %y %n %P\\0', '-o', '-printf', '- %i %y %n %P\\0'];
  const find = spawnTool(['find', directory, '-ignore_readdir_race', '-xdev', ...lines], { pipes: true });
  const end = () => find.kill('SIGKILL');
  const timer = setTimeout(end, WALK_TIMEOUT_MS);
  signal.addEventListener('abort', end, { once: true });
  try {
    let rest = '';
    for await (const chunk of find.stdout) {
      const whole = (rest + Buffer.from(chunk as Uint8Array).toString('latin1')).split('\0');
      rest = whole.pop() ?? '';
      for (const line of whole) tell(listedOf(line));
    }
    await find.ended;
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', end);
    end();
  }
}

/** All that is below these directories in `directory`, they included. */
export async function findBelow(directory: string, paths: readonly string[]): Promise<Entry[]> {
  if (paths.length === 0) return [];
  const starts = Buffer.from(paths.map((path) => `./${path}\0`).join(''), 'latin1');
  return await entries(['-files0-from', '-', '-xdev'], directory, starts);
}

/** Every name in `directory` of the file that has this one there. */
export async function namesOf(directory: string, name: string): Promise<string[]> {
  const found = await entries(['.', '-xdev', '-samefile', `./${name.replace(/^\/+/, '')}`], directory);
  return found.map(({ path }) => path);
}

async function entries(find: readonly string[], cwd: string, input?: Uint8Array): Promise<Entry[]> {
  const options = { cwd, timeoutMs: WALK_TIMEOUT_MS, encoding: 'latin1', ...(input && { input }) } as const;
  const { stdout } = await run(['find', ...find, '-printf', '%y %n %p\\0'], options);
  return stdout
    .split('\0')
    .filter((line) => line !== '')
    .map(entryOf);
}

function entryOf(line: string): Entry {
  const [type = '', links = ''] = line.split(' ', 2);
  // It begins with "./", but that of the directory itself, which is ".".
  const path = line.slice(type.length + links.length + 2).slice(2);
  return { path, directory: type === 'd', links: Number(links) };
}

function listedOf(line: string): Listed {
  const [sign = '', inode = '', type = '', links = ''] = line.split(' ', 4);
  const path = line.slice(sign.length + inode.length + type.length + links.length + 4);
  return { inode: Number(inode), path, directory: type === 'd', links: Number(links), changed: sign === '+' };
}
