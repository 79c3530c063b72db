/**
 * The small image files of a dump, sent by the source and written by the target. They lie in memory, and there are some
 * ten of them a process: each is read and written where we are, which takes less than a hop to another thread.
 */
import { closeSync, existsSync, fstatSync, openSync, readdirSync, readSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { messageOf, refused } from '../base/errors.js';
import type { ImageChunk } from './peer-port.js';

/** Large enough to cost little a message, small enough to keep little in memory. */
const CHUNK_BYTES = 256 * 1024;
/** What criu and runc call their files. */
const FILE_NAME = /^[a-z0-9][a-zA-Z0-9._-]{0,127}$/;
/** The link to earlier ones each end has of its own. */
const LINK = /^parent$/;
/** These come through the page server alone, but in a post-copy. */
const PAGE_FILE = /^pages-/;

const isKept = (file: string, withPages: boolean) => LINK.test(file) || (PAGE_FILE.test(file) && !withPages);

/** What runc writes before criu's first image, and a restore begins with. */
export const EARLY_IMAGE = 'descriptors.json';

/**
 * Every image file of a complete dump, in chunks; not the link to what it builds on, which each end has of its own.
 * @param without has been read already.
 */
export async function* readImages(directory: string, without: readonly string[] = []): AsyncGenerator<ImageChunk> {
  const files = readdirSync(directory, { withFileTypes: true }).filter((entry) => entry.isFile());
  const names = files.map(({ name }) => name).filter((name) => !without.includes(name));
  for (const name of names.sort()) yield* chunksOf(name, join(directory, name));
}

/** The early one of a dump that is ready; nothing when it has none. @returns what was read. */
export function* readEarlyImage(directory: string): Generator<ImageChunk, readonly string[]> {
  if (!existsSync(join(directory, EARLY_IMAGE))) return [];
  yield* chunksOf(EARLY_IMAGE, join(directory, EARLY_IMAGE));
  return [EARLY_IMAGE];
}

function* chunksOf(file: string, path: string): Generator<ImageChunk> {
  const descriptor = openSync(path, 'r');
  try {
    let left = fstatSync(descriptor).size;
    do {
      const data = Buffer.allocUnsafe(Math.min(left, CHUNK_BYTES));
      const count = readSync(descriptor, data);
      if (count < data.length) throw new Error(`${path} became shorter while it was read`);
      left -= count;
      yield { file, data, last: left === 0 };
    } while (left > 0);
  } finally {
    closeSync(descriptor);
  }
}

export interface WriteOptions {
  /** In a post-copy: memory that others see, too, is in the images. */
  readonly withPages?: boolean;
  /** The name that a file gets here. */
  readonly nameOf?: (file: string) => string;
  /** Told of each file that is whole, as soon as that is known. */
  readonly onWhole?: (file: string) => void;
}

/**
 * Writes what comes into `directory`. @returns the bytes written. @throws `refused` when a name is not one that a dump
 * makes, or a file comes twice: it was sent by another machine.
 */
export async function writeImages(
  chunks: AsyncIterable<ImageChunk>,
  directory: string,
  { withPages = false, nameOf = (file) => file, onWhole = () => undefined }: WriteOptions = {},
): Promise<number> {
  const seen = new Set<string>();
  let current: { file: string; descriptor: number } | undefined;
  let bytes = 0;
  try {
    for await (const { file, data, last } of chunks) {
      if (current?.file !== file) {
        if (!FILE_NAME.test(file) || isKept(file, withPages) || seen.has(file)) {
          throw refused('invalid', `the source sent an image file "${file}"`);
        }
        if (current !== undefined) closeSync(current.descriptor);
        current = undefined;
        current = { file, descriptor: writing(file, () => openSync(join(directory, nameOf(file)), 'wx', 0o600)) };
        seen.add(file);
      }
      const { descriptor } = current;
      writing(file, () => writeFileSync(descriptor, data));
      bytes += data.length;
      if (last) onWhole(file);
    }
  } finally {
    if (current !== undefined) closeSync(current.descriptor);
  }
  return bytes;
}

/** @throws `refused`: what does not fit was sent by another machine, too. */
function writing<T>(file: string, act: () => T): T {
  try {
    return act();
  } catch (error) {
    throw refused('invalid', `the image file "${file}" cannot be written: ${messageOf(error)}`, { cause: error });
  }
}
