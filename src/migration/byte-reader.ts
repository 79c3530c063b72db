/** Takes bytes from a stream in pieces of a wanted length. Invariant: no byte twice and none left out. */
import type { Readable } from 'node:stream';

export interface ByteReader {
  /** Exactly `count` bytes; undefined when the stream ended before the first of them. @throws when it ended later. */
  take(count: number): Promise<Buffer | undefined>;
}

export function readBytes(stream: Readable): ByteReader {
  const chunks = stream[Symbol.asyncIterator]();
  let have: Buffer[] = [];
  let held = 0;
  return {
    async take(count) {
      while (held < count) {
        const next = (await chunks.next()) as IteratorResult<Uint8Array>;
        if (next.done) {
          if (held === 0) return undefined;
          throw new Error(`the stream ended within ${count} bytes`);
        }
        have.push(Buffer.from(next.value.buffer, next.value.byteOffset, next.value.byteLength));
        held += next.value.byteLength;
      }
      const all = have.length === 1 ? (have[0] as Buffer) : Buffer.concat(have);
      have = all.length > count ? [all.subarray(count)] : [];
      held = all.length - count;
      return all.subarray(0, count);
    },
  };
}

/** Resolves when the stream takes more. @throws when it has broken. */
export async function writeBytes(stream: NodeJS.WritableStream, bytes: Uint8Array): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    stream.write(bytes, (error) => (error ? reject(error) : resolve()));
  });
}
