/**
 * Files that are open and have lost the name that they were opened by, but not every name. criu gives each a name of its own
 * while it dumps, and opens it by that when it restores. The last pass of the disk, which goes on beside the dump, may come too
 * early to see it; so the dump says which names are of one file, and the target makes those that it lacks. Invariant: nothing
 * is made outside of the cnvm's root, whatever the source says.
 */
import { existsSync, lstatSync, readFileSync, realpathSync, writeFileSync } from 'node:fs';
import { link } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { refused } from '../base/errors.js';
import { namesMadeByCriu } from '../tools/criu-images.js';
import { namesOf } from '../tools/find.js';

/** Among the images of a dump that has any. */
const FILE = 'names.json';
/** For each file its names; a character for each byte. */
const schema = z.array(z.array(z.string()));

/** Writes them among the images. Nothing of the cnvm may run. @param disk its writable layer. */
export async function noteLostNames(disk: string, imagesDir: string): Promise<void> {
  const made = namesMadeByCriu(imagesDir).filter((name) => isThere(join(disk, name)));
  if (made.length === 0) return;
  const names = await Promise.all(made.map((name) => namesOf(disk, name)));
  writeFileSync(join(imagesDir, FILE), JSON.stringify(names));
}

/** Makes what is missing. @param root where the whole disk is mounted. @throws `refused` when a name leads out of it. */
export async function makeLostNames(root: string, imagesDir: string): Promise<void> {
  const file = join(imagesDir, FILE);
  if (!existsSync(file)) return;
  const real = realpathSync(root);
  for (const names of schema.parse(JSON.parse(readFileSync(file, 'utf8')))) {
    const paths = names.map((name) => within(real, name));
    const known = paths.find(isThere);
    if (known === undefined) throw refused('state', `of an open file there is no name: ${names.join(', ')}`);
    for (const path of paths) if (!isThere(path)) await link(known, path);
  }
}

/** A file's real name leads through no links. */
function within(root: string, name: string): string {
  const path = join(root, Buffer.from(name, 'latin1').toString());
  const real = path.startsWith(`${root}/`) && realpathSync(dirname(path)) === dirname(path);
  if (!real || lstatSync(path, LENIENT)?.isSymbolicLink()) throw refused('invalid', `a name leads out of it: ${name}`);
  return path;
}

const LENIENT = { throwIfNoEntry: false } as const;
const isThere = (path: string): boolean => lstatSync(path, LENIENT) !== undefined;
