/** Users and groups as a cnvm knows them, pure. */

export interface Ids {
  readonly uid: number;
  readonly gid: number;
  /** Supplementary groups. */
  readonly groups: readonly number[];
  readonly home: string;
}

/** What "uid" or "uid:gid" says, or undefined when it is a name. */
export function numericIds(user: string): Ids | undefined {
  const match = /^(\d{1,10})(?::(\d{1,10}))?$/.exec(user);
  if (match === null) return undefined;
  return { uid: Number(match[1]), gid: Number(match[2] ?? match[1]), groups: [], home: '/' };
}

/** The ids of a name, out of the texts of passwd(5) and group(5), or undefined when it is not there. */
export function namedIds(user: string, passwd: string, group: string): Ids | undefined {
  const entry = rows(passwd).find((row) => row[0] === user);
  if (entry === undefined) return undefined;
  const groups = rows(group)
    .filter((row) => (row[3] ?? '').split(',').includes(user))
    .map((row) => Number(row[2]));
  return { uid: Number(entry[2]), gid: Number(entry[3]), groups, home: entry[5] ?? '/' };
}

function rows(text: string): string[][] {
  return text.split('\n').map((line) => line.split(':'));
}
