/**
 * What a layer takes away from those below it, in the form in which it travels (".wh.NAME", ".wh..wh..opq": OCI's image
 * specification) and in the kernel's. Invariant: the decisions are pure; no mark of the first form is left in a layer.
 */
import { link, lstat, mkdir, rm, utimes } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { hasErrno, refused } from '../base/errors.js';
import { findNamed, makeOpaque, makeWhiteout } from '../tools/overlay-marks.js';

const PREFIX = '.wh.';
const OPAQUE = '.wh..wh..opq';

export type Mark =
  /** Nothing of this directory shows from below. */
  | { readonly kind: 'opaque'; readonly path: string }
  /** This name is gone, or stands for something else than below. */
  | { readonly kind: 'gone'; readonly path: string }
  /** Of another way to keep layers; it means nothing. */
  | { readonly kind: 'nothing' };

/** What a file of this path means. @throws `refused` when it would mean a directory itself, or what is above it. */
export function markOf(path: string): Mark {
  const [directory, name] = [dirname(path), basename(path)];
  if (name === OPAQUE) return { kind: 'opaque', path: directory };
  if (name.startsWith(`${PREFIX}${PREFIX}`)) return { kind: 'nothing' };
  const gone = name.slice(PREFIX.length);
  if (['', '.', '..'].includes(gone)) throw refused('invalid', `the layer takes away "${path}", which means nothing`);
  return { kind: 'gone', path: join(directory, gone) };
}

/**
 * Afterwards the layer in `directory` is as the kernel wants it.
 * @param work a directory on the same file system, for a moment.
 */
export async function translateWhiteouts(directory: string, work: string): Promise<void> {
  const marked = await findNamed(directory, `${PREFIX}*`);
  if (marked.length === 0) return;
  const parents = [...new Set(marked.map((path) => join(directory, dirname(path))))];
  const times = await Promise.all(parents.map(async (path) => ({ path, stat: await lstat(path) })));
  const opaque = new Set<string>();
  const whiteout = createWhiteout(work);
  for (const path of marked) {
    await rm(join(directory, path), { recursive: true, force: true });
    const mark = markOf(path);
    if (mark.kind === 'opaque') opaque.add(join(directory, mark.path));
    if (mark.kind === 'gone' && (await standsIn(join(directory, mark.path), whiteout))) {
      opaque.add(join(directory, mark.path));
    }
  }
  await makeOpaque([...opaque]);
  await whiteout.close();
  // Their times are the layer's, not ours.
  for (const { path, stat } of times) await utimes(path, stat.atimeMs / 1000, stat.mtimeMs / 1000);
}

/** Afterwards nothing of that name shows from below. @returns whether a directory of the layer's own stands there. */
async function standsIn(path: string, whiteout: Whiteout): Promise<boolean> {
  try {
    // What the layer has itself hides what is below; only a directory would be merged with it.
    return (await lstat(path)).isDirectory();
  } catch (error) {
    if (!hasErrno(error, 'ENOENT')) throw error;
    await whiteout.linkTo(path);
    return false;
  }
}

interface Whiteout {
  linkTo(path: string): Promise<void>;
  close(): Promise<void>;
}

/** One for all names: to make one takes a program each. */
function createWhiteout(work: string): Whiteout {
  const directory = join(work, 'whiteouts');
  let made = 0;
  const current = () => join(directory, String(made));
  async function make(): Promise<void> {
    await mkdir(directory, { recursive: true });
    made += 1;
    await makeWhiteout(current());
  }
  return {
    async linkTo(path) {
      if (made === 0) await make();
      try {
        await link(current(), path);
      } catch (error) {
        // So many names as the file system allows have been given to it.
        if (!hasErrno(error, 'EMLINK')) throw error;
        await make();
        await link(current(), path);
      }
    },
    close: () => rm(directory, { recursive: true, force: true }),
  };
}
