/** The small image files of a dump, sent by the source and written by the target. */
import { createReadStream } from 'node:fs';
import { type FileHandle, open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { refused } from '../base/errors.js';
import type { ImageChunk } from './peer-port.js';

/** Large enough to cost little a message, small enough to keep little in memory. */
const CHUNK_BYTES = 256 * 1024;
/** What criu and runc call their files; page files come through the page server alone. */
const FILE_NAME = /^[a-z0-9][a-zA-Z0-9._-]{0,127}$/;
const PAGE_FILE = /^pages-/;

/** Every image file of a complete dump, in chunks. */
export async function* readImages(directory: string): AsyncGenerator<ImageChunk> {
  for (const file of (await readdir(directory)).sort()) {
    let empty = true;
    for await (const data of createReadStream(join(directory, file), { highWaterMark: CHUNK_BYTES })) {
      empty = false;
      yield { file, data: data as Uint8Array };
    }
    if (empty) yield { file, data: new Uint8Array() };
  }
}

/**
 * Writes what comes into `directory`. @returns the bytes written. @throws `refused` when a name is not one that a dump
 * makes, or a file comes twice: it was sent by another machine.
 */
export async function writeImages(chunks: AsyncIterable<ImageChunk>, directory: string): Promise<number> {
  const seen = new Set<string>();
  let current: { file: string; handle: FileHandle } | undefined;
  let bytes = 0;
  try {
    for await (const { file, data } of chunks) {
      if (current?.file !== file) {
        if (!FILE_NAME.test(file) || PAGE_FILE.test(file) || seen.has(file)) {
          throw refused('invalid', `the source sent an image file "${file}"`);
        }
        await current?.handle.close();
        current = { file, handle: await open(join(directory, file), 'wx', 0o600) };
        seen.add(file);
      }
      await current.handle.writeFile(data);
      bytes += data.length;
    }
  } finally {
    await current?.handle.close();
  }
  return bytes;
}
