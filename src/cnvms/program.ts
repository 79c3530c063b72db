/**
 * What a cnvm runs as its first process: its image's word, and its own record's where that says something else. Pure.
 * Invariant: it is the same on every node.
 */
import { refused } from '../base/errors.js';
import type { Image } from '../images/image.js';
import type { CnvmRecord, ProgramOrder } from './cnvm.js';
import { type Ids, imageIds } from './users.js';

export interface FirstProcess {
  readonly argv: readonly string[];
  readonly env: readonly string[];
  readonly cwd: string;
  readonly ids: Ids;
  /** It behaves like a machine: what it says goes to a log of its own, and /run is its own. */
  readonly system: boolean;
}

/** Where an image says nothing; Debian's own. */
const DEFAULT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** The whole command line: who gives another entry point does not want the image's command after it. */
export function argvOf({ program }: Image, order: ProgramOrder | undefined): string[] {
  const { entrypoint = [], command = [] } = order ?? {};
  if (entrypoint.length > 0) return [...entrypoint, ...command];
  return [...program.entrypoint, ...(command.length > 0 ? command : program.command)];
}

/** The image's, and over it the record's: the last word on a key counts. */
export function envOf({ program }: Image, order: ProgramOrder | undefined): string[] {
  const merged = new Map(
    [`PATH=${DEFAULT_PATH}`, ...program.env, ...(order?.env ?? [])].map((entry) => [keyOf(entry), entry]),
  );
  return [...merged.values()];
}

/** @param passwd, group the texts of the cnvm's own files; empty where it has none. @throws `refused` when its user is not there. */
export function firstProcess(record: CnvmRecord, image: Image, passwd: string, group: string): FirstProcess {
  const { user, workingDir } = image.program;
  const ids = imageIds(user, passwd, group);
  if (ids === undefined) throw refused('invalid', `its image runs as "${user}", whom ${record.name} does not have`);
  const argv = argvOf(image, record.program);
  if (argv.length === 0)
    throw refused('invalid', `the image of ${record.name} does not say what to run`, {
      remedy: 'Say it when it is made: cnvm create NAME --image IMAGE -- COMMAND',
    });
  const env = envOf(image, record.program);
  const home = env.some((entry) => entry.startsWith('HOME=')) || image.system ? [] : [`HOME=${ids.home}`];
  return { argv, env: [...env, ...home], cwd: workingDir, ids, system: image.system };
}

const keyOf = (entry: string) => entry.split('=')[0] ?? '';
