import assert from 'node:assert/strict';
import { Duplex } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { temporary } from '../../support/temporary.js';
import { slowLink } from './slow-link.js';
import { openTunnels } from './tunnels.js';

const MIB = 1024 * 1024;
/** What `tunnel.ts` says that both ends hold together: 2 MiB at the sending end, 34 MiB at the other. */
const HELD_MIB_MAX = 36;
/** What the kernel's buffers may hold of two connections over loopback beside that (tcp_rmem and tcp_wmem in tcp(7)). */
const KERNEL_MIB_MAX = 20;
const PIECE = Buffer.alloc(256 * 1024, 7);

describe('what a tunnel holds', () => {
  const directory = temporary();
  const closing: (() => void)[] = [];
  afterEach(() => {
    for (const close of closing.splice(0)) close();
  });

  /** A source that has more and more to give; what it has given, and what has come. */
  async function begin(through?: (port: number) => Promise<number>) {
    let given = 0;
    const source = () =>
      new Duplex({
        read() {
          given += PIECE.length;
          this.push(PIECE);
        },
        write: (_chunk, _encoding, done) => done(),
      });
    const serve = (stream: Duplex) => pipeline(source(), stream).catch(() => undefined);
    const { link, close } = await openTunnels(directory(), serve, through);
    const stream = link.tunnel('m', 'pages', 0);
    closing.push(() => stream.destroy(), close);
    let came = 0;
    const read = () =>
      stream.on('data', (chunk: Uint8Array) => {
        came += chunk.length;
      });
    return { read, heldMib: () => (given - came) / MIB, cameMib: () => came / MIB };
  }

  /** Until nothing more is taken up. */
  async function settledMib(heldMib: () => number): Promise<number> {
    for (let before = -1; ; ) {
      const now = heldMib();
      if (now === before) return now;
      before = now;
      await sleep(300);
    }
  }

  it('is bounded when its reader stalls', async () => {
    const { heldMib } = await begin();
    await sleep(500);
    const held = await settledMib(heldMib);
    assert.ok(held > 1 && held <= HELD_MIB_MAX + KERNEL_MIB_MAX, `${held} MiB`);
  });

  it('is bounded when the link stalls', async () => {
    let open = true;
    const { read, heldMib, cameMib } = await begin((port) => slowLink(port, () => (open ? 64 * 1024 : 0), closing));
    read();
    while (cameMib() < 0.5) await sleep(50);
    open = false;
    await sleep(500);
    const held = await settledMib(heldMib);
    assert.ok(held <= HELD_MIB_MAX + KERNEL_MIB_MAX, `${held} MiB`);
  });

  it('is bounded on a link of 1 MB/s', async () => {
    const { read, heldMib, cameMib } = await begin((port) => slowLink(port, () => 100_000, closing));
    read();
    let most = 0;
    while (cameMib() < 2) {
      most = Math.max(most, heldMib());
      await sleep(50);
    }
    assert.ok(most <= HELD_MIB_MAX + KERNEL_MIB_MAX, `${most} MiB`);
  });
}).timeout(30_000);
