import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { Duplex } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ServiceError } from '@grpc/grpc-js';
import type { BulkLink } from '../../../src/migration/peer-port.js';
import { temporary } from '../../support/temporary.js';
import { openTunnels } from './tunnels.js';

/** Several messages, and more than one end's buffers. */
const DATA = Buffer.from('what goes down '.repeat(400_000));

describe('a tunnel', () => {
  const directory = temporary();
  let close: () => void = () => undefined;
  afterEach(() => close());

  async function connect(serve: (stream: Duplex) => Promise<void>): Promise<BulkLink> {
    const opened = await openTunnels(directory(), serve);
    ({ close } = opened);
    return opened.link;
  }

  it('of a program that hangs up first is whole all the same', async () => {
    const link = await connect(async (stream) => {
      await once(stream, 'readable');
      await pipeline([DATA], stream, { end: true });
      // The other end has not said that it is done: a program that has ended does not hear it any more.
      stream.destroy();
    });
    const stream = link.tunnel('m', 'disk', 0);
    stream.write('give me all');
    const got: Uint8Array[] = [];
    stream.on('data', (chunk: Uint8Array) => got.push(chunk));
    await once(stream, 'end');
    assert.ok(Buffer.concat(got).equals(DATA));
    stream.destroy();
  });

  it('carries what goes up beside what goes up in others', async () => {
    const link = await connect(async (stream) => {
      // An echo: what was mixed up with another stream's comes back so, or breaks both.
      await pipeline(stream, stream);
    });
    const echoes = [1, 2, 3].map(async (fill) => {
      const stream = link.tunnel('m', 'disk', 0);
      const got: Uint8Array[] = [];
      stream.on('data', (chunk: Uint8Array) => got.push(chunk));
      const ended = once(stream, 'end');
      for (let piece = 1; piece <= 100; piece += 1) stream.write(Buffer.alloc(piece * 10, fill));
      stream.end();
      await ended;
      const all = Buffer.concat(got);
      assert.ok(all.equals(Buffer.alloc(50_500, fill)), `${all.length} bytes, not all of them its own`);
    });
    await Promise.all(echoes);
  });

  it('that is broken by its server is told so', async () => {
    const link = await connect(async (stream) => {
      stream.write('a part of it');
      await once(stream, 'readable');
      stream.destroy(new Error('the disk is gone'));
    });
    const stream = link.tunnel('m', 'disk', 0);
    stream.write('give me all');
    stream.resume();
    const [error] = (await once(stream, 'error')) as [ServiceError];
    assert.match(error.message, /the disk is gone/);
  });
});
