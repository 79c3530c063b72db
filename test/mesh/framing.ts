/** Whole messages over a byte stream, as the fake programs talk to each other. Invariant: half a message is a failure. */
import type { Duplex } from 'node:stream';

const LENGTH_BYTES = 4;

export function sendMessage(stream: Duplex, message: Buffer): void {
  const length = Buffer.alloc(LENGTH_BYTES);
  length.writeUInt32BE(message.length);
  stream.write(Buffer.concat([length, message]));
}

/** The next message; both ends take turns, so nothing of a later one has come. @throws when the stream ends before. */
export async function receiveMessage(stream: Duplex): Promise<Buffer> {
  return await new Promise((resolve, reject) => {
    let got = Buffer.alloc(0);
    const onData = (chunk: Uint8Array) => {
      got = Buffer.concat([got, chunk]);
      if (got.length >= LENGTH_BYTES && got.length >= LENGTH_BYTES + got.readUInt32BE()) {
        finish(() => resolve(got.subarray(LENGTH_BYTES)));
      }
    };
    const onError = (error: Error) => finish(() => reject(error));
    const onEnd = () => finish(() => reject(new Error('the stream ended within a message')));
    const finish = (settle: () => void) => {
      stream.off('data', onData).off('end', onEnd).off('close', onEnd);
      stream.pause();
      settle();
    };
    stream.on('data', onData);
    // Stays: who has stopped reading must not fall over a stream that breaks later.
    stream.on('error', onError);
    stream.on('end', onEnd);
    stream.on('close', onEnd);
    stream.resume();
  });
}

/** The other end says no more. @throws when the stream breaks. */
export async function receiveEnd(stream: Duplex): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    stream.once('end', resolve);
    stream.once('error', reject);
    stream.once('close', () => (stream.errored === null ? resolve() : reject(stream.errored)));
    if (stream.errored !== null) reject(stream.errored);
    if (stream.readableEnded || stream.destroyed) resolve();
    stream.resume();
  });
}
