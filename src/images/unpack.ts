/**
 * A layer, from a blob to a directory. Invariant: what is in the directory when this returns is what both digests stand for:
 * that of the blob and that of its content; when it throws, what is there is for the caller to remove.
 */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import type { Readable, Writable } from 'node:stream';
import { abortable } from '../base/abortable.js';
import { hasErrno, refused } from '../base/errors.js';
import { compressorOf, decompress } from '../tools/decompress.js';
import { removeDevices } from '../tools/overlay-marks.js';
import type { RunningTool } from '../tools/run.js';
import { unpackInto } from '../tools/tar.js';
import type { Layer } from './image.js';
import { translateWhiteouts } from './whiteouts.js';

/** @param work beside `target`, on its file system. @throws `refused` when it is not what its digests say. */
export async function unpackLayer(
  { blob, layer, target, work }: { blob: string; layer: Layer; target: string; work: string },
  onBytes: (count: number) => void,
  signal: AbortSignal,
): Promise<void> {
  const program = await compressorOf(blob);
  const plain = program === undefined ? undefined : decompress(program);
  const tar = unpackInto(target);
  const file = createReadStream(blob, { highWaterMark: CHUNK_BYTES });
  try {
    const sums = await abortable(pump(file, plain, tar, onBytes), signal);
    // The wrong digest first: what is broken cannot be unpacked either, and that would be the lesser word.
    demand(sums.blob, layer.digest, 'the layer');
    demand(sums.content, layer.diffId, `what is in the layer ${layer.digest}`);
    await Promise.all([plain?.ended, tar.ended]);
  } finally {
    file.destroy();
    plain?.kill('SIGKILL');
    tar.kill('SIGKILL');
    await Promise.allSettled([plain?.ended, tar.ended]);
  }
  await removeDevices(target);
  await translateWhiteouts(target, work);
}
const CHUNK_BYTES = 256 * 1024;

async function pump(
  file: Readable,
  plain: RunningTool | undefined,
  tar: RunningTool,
  onBytes: (count: number) => void,
): Promise<{ blob: string; content: string }> {
  const [packed, content] = [createHash('sha256'), createHash('sha256')];
  const whole = (chunk: Uint8Array) => {
    packed.update(chunk);
    onBytes(chunk.length);
  };
  if (plain === undefined) {
    await pour(file, tar.stdin, (chunk) => {
      whole(chunk);
      content.update(chunk);
    });
  } else {
    await Promise.all([
      pour(file, plain.stdin, whole),
      pour(plain.stdout, tar.stdin, (chunk) => content.update(chunk)),
    ]);
  }
  return { blob: digestOf(packed), content: digestOf(content) };
}

/** All of it, also what the program at the other end does not want: an archive may be followed by padding. */
async function pour(from: Readable, to: Writable, see: (chunk: Uint8Array) => void): Promise<void> {
  let open = true;
  let goOn: () => void = () => undefined;
  const shut = (error?: Error) => {
    open = false;
    goOn();
    // The program's own end tells why it has ended.
    if (error !== undefined && !hasErrno(error, 'EPIPE') && !hasErrno(error, 'ECONNRESET')) from.destroy(error);
  };
  to.on('error', shut);
  to.on('close', () => shut());
  to.on('drain', () => goOn());
  for await (const chunk of from) {
    see(chunk as Uint8Array);
    if (!open || to.write(chunk)) continue;
    await new Promise<void>((resolve) => {
      goOn = resolve;
      if (!open) resolve();
    });
  }
  if (open) to.end();
}

const digestOf = (hash: ReturnType<typeof createHash>) => `sha256:${hash.digest('hex')}`;

function demand(found: string, wanted: string, what: string): void {
  if (found !== wanted)
    throw refused('invalid', `${what} is not what its digest says: ${found}, not ${wanted}`, {
      remedy: 'It was changed where it came from, or on its way. Nothing of it is used.',
    });
}
