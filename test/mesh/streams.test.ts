/** What goes between two daemons as bulk: whole and unchanged or not at all, at the rate and in the way that was asked for. */
import assert from 'node:assert/strict';
import type { TunnelResponse } from '../../src/gen/cnvm/peer/v1/peer.js';
import { Compression } from '../../src/gen/cnvm/v1/migration.js';
import { bulkService } from '../../src/rpc/bulk-codec.js';
import { assertAtRest, NAME, testMesh } from './support.js';

/** Long enough to be many slices of a rate, and several messages. */
const MEMORY = 'what it remembers '.repeat(40_000);
const { responseSerialize } = bulkService.tunnel;

describe('the bulk of a migration', () => {
  /** What a fault makes of a message between the sum at its one end and that at the other. */
  let spoil: (message: TunnelResponse) => TunnelResponse | undefined = (message) => message;
  let sentBytes = 0;
  bulkService.tunnel.responseSerialize = (message) => {
    const bytes = responseSerialize(
      spoil(message) ?? { data: new Uint8Array(), end: undefined, zstd: new Uint8Array() },
    );
    sentBytes += bytes.length;
    return bytes;
  };
  after(() => {
    bulkService.tunnel.responseSerialize = responseSerialize;
  });
  beforeEach(() => {
    spoil = (message) => message;
    sentBytes = 0;
  });
  const mesh = testMesh(['node1', 'node2']);

  async function begin() {
    const [node1, node2] = [mesh().node('node1'), mesh().node('node2')];
    await node1.create(NAME);
    node1.host.remember(NAME, 'memory', MEMORY);
    node1.host.write(NAME, '/root/diary', 'what it remembers');
    return { node1, node2 };
  }

  const faults: Record<string, [RegExp, (message: TunnelResponse) => TunnelResponse | undefined]> = {
    'a bit that was changed': [
      /was changed on its way/,
      (message) => {
        const data = Buffer.from(message.data);
        const at = data.indexOf('remembers');
        // Into another letter: whoever reads it sees nothing wrong.
        if (at >= 0) data[at] = (data[at] ?? 0) ^ 1;
        return { ...message, data };
      },
    ],
    'a byte that was lost': [
      /has \d+ bytes, and \d+ came/,
      (message) => ({ ...message, end: message.end && { ...message.end, bytes: message.end.bytes + 1n } }),
    ],
    'an end that was lost': [/ended before its end was said/, (message) => (message.end ? undefined : message)],
  };
  for (const [what, [words, fault]] of Object.entries(faults)) {
    for (const when of ['seed', 'freeze'] as const) {
      it(`with ${what} in the ${when} ends with the cnvm at the source, and an error that says so`, async () => {
        const { node1, node2 } = await begin();
        if (when === 'seed') spoil = fault;
        else
          node1.host.plan.at('machine.freeze', 'before', () => {
            node1.host.write(NAME, '/root/diary', 'what it remembers now');
            spoil = fault;
          });
        const ended = await node1.teleport(NAME, 'node2');
        assert.equal(ended.outcome, 'aborted');
        assert.match(ended.error, words);
        spoil = (message) => message;
        await assertAtRest(mesh(), NAME, 'node1', 1);
        const again = await node1.teleport(NAME, 'node2');
        assert.equal(again.outcome, 'succeeded', again.error);
        assert.equal(node2.host.recall(NAME, 'memory'), MEMORY);
      });
    }
  }

  it('keeps to the bandwidth, all of it together, which would be faster without', async () => {
    const { node1, node2 } = await begin();
    const bandwidth = 500_000;
    async function rate(from: typeof node1, to: string, limits: { readonly bandwidth?: number }): Promise<number> {
      sentBytes = 0;
      const begun = performance.now();
      const ended = await from.teleport(NAME, to, '', '', limits);
      assert.equal(ended.outcome, 'succeeded', ended.error);
      return sentBytes / ((performance.now() - begun) / 1000);
    }
    const limited = (await rate(node1, 'node2', { bandwidth })) / bandwidth;
    assert.equal(node2.host.recall(NAME, 'memory'), MEMORY);
    const unlimited = (await rate(node2, 'node1', {})) / bandwidth;
    // How near it comes to the rate, a busy machine decides: the bucket's own test shows that it would.
    assert.ok(limited < 1.1 && unlimited > limited * 1.5, `${limited} of the rate, and ${unlimited} without`);
  });

  it('is smaller with zstd, and comes the same', async () => {
    const { node1, node2 } = await begin();
    const ended = await node1.teleport(NAME, 'node2', '', '', { compress: Compression.ZSTD });
    assert.equal(ended.outcome, 'succeeded', ended.error);
    assert.equal(node2.host.recall(NAME, 'memory'), MEMORY);
    assert.ok(sentBytes < MEMORY.length / 10, `${sentBytes} bytes went`);
  });

  it('is not compressed when nobody wants it, nor where the link is fast', async () => {
    const { node1, node2 } = await begin();
    await node1.teleport(NAME, 'node2', '', '', { compress: Compression.NONE });
    assert.ok(sentBytes > MEMORY.length);
    sentBytes = 0;
    await node2.teleport(NAME, 'node1', '', '', { compress: Compression.AUTO });
    assert.ok(sentBytes > MEMORY.length);
  });
});
