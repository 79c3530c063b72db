import assert from 'node:assert/strict';
import { once } from 'node:events';
import { Duplex } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { temporary } from '../../support/temporary.js';
import { slowLink } from './slow-link.js';
import { openTunnels } from './tunnels.js';

const PIECE = Buffer.alloc(256 * 1024, 7);
/** Windows and buffers hold some 10 s of it. */
const LINK_BYTES_PER_TURN = 50_000;
/** What waits behind the bulk is not answered by then. */
const LIMITS = { timeoutMs: 3_000 };

describe('control beside bulk', () => {
  const directory = temporary();

  it('is answered at once while the bulk fills a slow link', async () => {
    const closing: (() => void)[] = [];
    const serve = (stream: Duplex) => pipeline(endless(), stream).catch(() => undefined);
    const { peer, link, close } = await openTunnels(directory(), serve, (port) =>
      slowLink(port, () => LINK_BYTES_PER_TURN, closing),
    );
    const stream = link.tunnel('m', 'pages', 0);
    closing.push(() => stream.destroy(), close);
    try {
      let came = 0;
      stream.on('data', (chunk: Uint8Array) => {
        came += chunk.length;
      });
      await once(stream, 'data');
      await sleep(1_000);
      const before = came;
      for (let call = 0; call < 3; call += 1) assert.equal((await peer.describe(LIMITS)).name, 'node2');
      await once(stream, 'data');
      assert.ok(came > before, 'the bulk goes on meanwhile');
    } finally {
      for (const end of closing) end();
    }
  });
}).timeout(30_000);

/** Has more and more to give. */
function endless(): Duplex {
  return new Duplex({
    read() {
      this.push(PIECE);
    },
    write: (_chunk, _encoding, done) => done(),
  });
}
