/**
 * Where criu's pages leave the source: the stream of the dump and the stream that the target has opened become one.
 * Invariant: one dump and no second; breaking the relay makes criu roll back.
 */
import type { Duplex } from 'node:stream';
import { finished, pipeline } from 'node:stream/promises';
import { refused } from '../base/errors.js';

export interface PageRelay {
  /** Resolves when the target's stream is there: what is dumped from then on need not wait for it. */
  readonly attached: Promise<void>;
  /** Gives it the dump's stream. One that comes when it is closed is broken. @throws `refused` when it has one. */
  takePages(stream: Duplex): void;
  /**
   * Gives it the target's stream. Resolves when every page has gone to it (`sent`), or when its page server has hung up
   * (`left`): with all that it was promised, or too early, and then the dump fails. @throws `refused` when it has one.
   */
  attach(stream: Duplex): Promise<'sent' | 'left'>;
  /** Breaks both. Harmless twice. */
  close(): void;
}

/** @param onBytes told how many bytes of pages went to the target. */
export function createPageRelay(onBytes: (count: number) => void): PageRelay {
  let giveDump: (stream: Duplex) => void = () => undefined;
  let failDump: (error: Error) => void = () => undefined;
  const dump = new Promise<Duplex>((resolve, reject) => {
    giveDump = resolve;
    failDump = reject;
  });
  dump.catch(() => undefined);
  let tellAttached: () => void = () => undefined;
  const attached = new Promise<void>((resolve) => {
    tellAttached = resolve;
  });
  let ours: Duplex | undefined;
  let theirs: Duplex | undefined;
  let closed = false;
  return {
    attached,
    takePages(stream) {
      if (ours !== undefined) throw refused('state', 'pages of a dump are being taken already');
      ours = stream;
      stream.on('error', () => undefined);
      if (closed) stream.destroy();
      giveDump(stream);
    },
    async attach(stream) {
      // A second one would get the same pages, and its acknowledgements would be taken for the first one's.
      if (theirs !== undefined) throw refused('state', 'the pages of the dump go to another stream already');
      theirs = stream;
      tellAttached();
      const source = await dump;
      source.on('data', (chunk: Uint8Array) => onBytes(chunk.length));
      // criu hangs up when its last acknowledgement has come, and so breaks this way; how all went, the other way says.
      pipeline(stream, source).catch(() => undefined);
      // Who started criu may hold its socket open until long after: that the page server has all it was promised, and has
      // hung up, is the end, too.
      let left = false;
      stream.once('end', () => {
        left = !source.readableEnded;
        source.unpipe(stream);
        stream.end();
      });
      const relayed = pipeline(source, stream);
      relayed.catch(() => undefined);
      await Promise.race([relayed, finished(stream, { readable: false })]);
      return left ? 'left' : 'sent';
    },
    close() {
      closed = true;
      ours?.destroy();
      theirs?.destroy();
      failDump(new Error('the page relay is closed'));
    },
  };
}
