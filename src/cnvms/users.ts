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

/**
 * What an image's "user" says: "USER", "UID", "USER:GROUP", "UID:GID" and what is between them; root when it is empty.
 * Undefined when a name is not there.
 */
export function imageIds(user: string, passwd: string, group: string): Ids | undefined {
  if (user === '') return { uid: 0, gid: 0, groups: [], home: '/root' };
  const [name = '', groupName] = user.split(':');
  const byNumber = /^\d{1,10}$/.test(name) ? rows(passwd).find((row) => row[2] === name)?.[0] : name;
  const known = byNumber === undefined ? undefined : namedIds(byNumber, passwd, group);
  const ids = known ?? (/^\d{1,10}$/.test(name) ? { uid: Number(name), gid: 0, groups: [], home: '/' } : undefined);
  if (ids === undefined || groupName === undefined) return ids;
  const entry = /^\d{1,10}$/.test(groupName) ? groupName : rows(group).find((row) => row[0] === groupName)?.[2];
  return entry === undefined ? undefined : { ...ids, gid: Number(entry), groups: [] };
}

function rows(text: string): string[][] {
  return text.split('\n').map((line) => line.split(':'));
}
