/** The sums of a snapshot's files. Invariant: only plain files are read, and no link is followed. */
import { createHash } from 'node:crypto';
import { constants, createReadStream } from 'node:fs';
import { lstat, open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { hasErrno, refused } from '../base/errors.js';
import { DISK, MEMORY, type SnapshotFile } from './manifest.js';

const READ_BYTES = 1024 * 1024;
/** So many wrong files are named. */
const NAMED_MAX = 5;

export type OnBytes = (count: number) => void;

/** Of all that lies in a snapshot but its manifest. */
export async function sumsOf(directory: string, onBytes: OnBytes, signal: AbortSignal): Promise<SnapshotFile[]> {
  const memory = await readdir(join(directory, MEMORY)).catch((error: unknown) => {
    if (hasErrno(error, 'ENOENT')) return [];
    throw error;
  });
  const files: SnapshotFile[] = [];
  // What criu needs beside its images while it dumps, such as its log, is not a part of them.
  const images = memory.filter((name) => !name.startsWith('.')).sort();
  for (const path of [DISK, ...images.map((name) => join(MEMORY, name))]) {
    if (!(await lstat(join(directory, path))).isFile()) continue;
    files.push({ path, ...(await sumOf(join(directory, path), onBytes, signal)) });
  }
  return files;
}

/** @param name of the snapshot, for people. @throws `refused` with the files that are not what they were. */
export async function checkSums(
  { directory, name }: { readonly directory: string; readonly name: string },
  files: readonly SnapshotFile[],
  onBytes: OnBytes,
  signal: AbortSignal,
): Promise<void> {
  const wrong: string[] = [];
  for (const { path, bytes, sha256 } of files) {
    const found = await sumOf(join(directory, path), onBytes, signal).catch((error: unknown) => {
      if (hasErrno(error, 'ENOENT') || hasErrno(error, 'ELOOP')) return undefined;
      throw error;
    });
    if (found?.bytes !== bytes || found.sha256 !== sha256)
      wrong.push(found === undefined ? `${path} is not there` : `${path} is not what it was`);
  }
  if (wrong.length === 0) return;
  const more = wrong.length > NAMED_MAX ? `, and ${wrong.length - NAMED_MAX} more` : '';
  throw refused('invalid', `the snapshot ${name} is spoilt: ${wrong.slice(0, NAMED_MAX).join(', ')}${more}`, {
    remedy: 'Nothing of it is used. Take another copy of it, or another snapshot.',
  });
}

async function sumOf(path: string, onBytes: OnBytes, signal: AbortSignal): Promise<Omit<SnapshotFile, 'path'>> {
  // A pipe would be waited for.
  const handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  const hash = createHash('sha256');
  let bytes = 0;
  try {
    if (!(await handle.stat()).isFile()) return { bytes: -1, sha256: '' };
    const stream = createReadStream(path, { fd: handle.fd, autoClose: false, highWaterMark: READ_BYTES, signal });
    for await (const chunk of stream) {
      const part = chunk as Uint8Array;
      hash.update(part);
      bytes += part.length;
      onBytes(part.length);
    }
  } finally {
    await handle.close();
  }
  return { bytes, sha256: hash.digest('hex') };
}
