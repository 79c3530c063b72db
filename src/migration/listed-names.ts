/**
 * The names of a tree by their inodes, as they were when it was listed; pure. Of a million names each takes its own bytes and
 * eight: a list of objects would take ten times as much.
 */
import type { Listed } from '../tools/find.js';

const FIRST_NAMES = 4096;
const FIRST_BYTES = 64 * FIRST_NAMES;
/** What is said of so many would take the daemon's memory. */
export const NAMES_MAX = 2_000_000;

export type Named = Pick<Listed, 'inode' | 'path'>;

export type ListedNames = ReturnType<typeof createListedNames>;

export function createListedNames() {
  let inodes = new Uint32Array(FIRST_NAMES);
  /** Where the name begins; it ends where the next one begins. */
  let starts = new Uint32Array(FIRST_NAMES + 1);
  let names = Buffer.alloc(FIRST_BYTES);
  let count = 0;
  const changed: string[] = [];

  const nameAt = (index: number): string => names.toString('latin1', starts[index], starts[index + 1]);

  return {
    /** Names that had a time since the moment from which on changes count. */
    changed: changed as readonly string[],
    /** @throws when there are too many. */
    add({ inode, path, changed: isChanged }: Named & Pick<Listed, 'changed'>): void {
      if (count === NAMES_MAX) throw new Error(`it holds more than ${NAMES_MAX} names`);
      const from = starts[count] ?? 0;
      while (from + path.length > names.length) names = Buffer.concat([names], 2 * names.length);
      if (count === inodes.length) {
        inodes = grown(inodes, 2 * count);
        starts = grown(starts, 2 * count + 1);
      }
      names.write(path, from, 'latin1');
      inodes[count] = inode;
      count += 1;
      starts[count] = from + path.length;
      if (isChanged) changed.push(path);
    },
    /** The names that these inodes had. */
    namesOf(wanted: ReadonlySet<number>): Named[] {
      const found: Named[] = [];
      for (let index = 0; index < count; index += 1) {
        const inode = inodes[index] ?? 0;
        if (wanted.has(inode)) found.push({ inode, path: nameAt(index) });
      }
      return found;
    },
  };
}

function grown(array: Uint32Array<ArrayBuffer>, length: number): Uint32Array<ArrayBuffer> {
  const more = new Uint32Array(length);
  more.set(array);
  return more;
}
