/**
 * Bytes from a checked stream to a program. Invariant: that the program has had enough is no proof; only the stream's own
 * end says that all of it came, and as it was sent.
 */
import type { Duplex, Readable, Writable } from 'node:stream';
import { finished } from 'node:stream/promises';

/**
 * Resolves when `from` has ended whole. What comes after `to` has gone is read to the end all the same.
 * @throws when `from` breaks; `to` is broken then.
 */
export async function carry(from: Readable | Duplex, to: Writable): Promise<void> {
  to.on('error', () => undefined);
  to.once('close', () => {
    from.unpipe(to);
    from.resume();
  });
  from.pipe(to);
  try {
    await finished(from, { writable: false });
  } catch (error) {
    to.destroy();
    throw error;
  }
}
