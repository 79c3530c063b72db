import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { refused } from '../../../src/base/errors.js';
import { fetchBlobs } from '../../../src/images/fetch-blobs.js';
import type { ImagePeer } from '../../../src/images/peer-port.js';
import { openImageStore } from '../../../src/images/store.js';
import { digestOf } from '../../support/fake-image.js';
import { temporary } from '../../support/temporary.js';

const BYTES = Buffer.from('0123456789'.repeat(10));
const DIGEST = digestOf(BYTES);
const CHUNK = 10;

interface Peer extends ImagePeer {
  /** Offsets from which it was asked. */
  readonly asked: number[];
}

/** @param breaksAt for each time that it is asked: after so many bytes of the blob; undefined: not at all. */
function peer(name: string, bytes: Buffer | undefined, breaksAt: (number | undefined)[] = [], delayMs = 0): Peer {
  const asked: number[] = [];
  return {
    name,
    asked,
    have: async (digests) => {
      await new Promise((resolve) => setTimeout(resolve, delayMs));
      return bytes === undefined ? [] : digests;
    },
    async *pull(_, offset) {
      asked.push(offset);
      if (bytes === undefined) throw refused('not-found', 'it is not here');
      const end = breaksAt[asked.length - 1] ?? bytes.length;
      for (let at = offset; at < end; at += CHUNK) yield bytes.subarray(at, Math.min(at + CHUNK, end));
      if (end < bytes.length) throw refused('unavailable', 'the link broke');
    },
    // biome-ignore lint/correctness/useYield: nothing is taken here
    async *take() {
      throw new Error('nothing is taken here');
    },
  };
}

describe('blobs from peers', () => {
  const directory = temporary();
  const fetch = async (from: string, peers: readonly Peer[], bytes: number | undefined = BYTES.length) => {
    const store = openImageStore(directory());
    let told = 0;
    const onBytes = (count: number) => {
      told += count;
    };
    await fetchBlobs([{ digest: DIGEST, bytes }], {
      store,
      peers,
      from,
      onBytes,
      signal: new AbortController().signal,
    });
    assert.deepEqual(readFileSync(store.blobFile(DIGEST)), BYTES);
    assert.deepEqual(readdirSync(store.paths.partial), []);
    return told;
  };

  it('go on where the link broke, and come from the next one when it breaks again', async () => {
    const [near, far] = [peer('near', BYTES, [30]), peer('far', BYTES, [], 30)];
    assert.equal(await fetch('far', [far, near]), BYTES.length);
    assert.deepEqual([near.asked, far.asked], [[0], [30]]);
  });

  it('come from the one that answers first', async () => {
    const [near, far] = [peer('near', BYTES), peer('far', BYTES, [], 40)];
    await fetch('far', [far, near]);
    assert.deepEqual([near.asked, far.asked], [[0], []]);
  });

  it('come from the one that has them when a nearer one has not', async () => {
    const [near, far] = [peer('near', undefined), peer('far', BYTES, [50], 20)];
    await fetch('far', [near, far]);
    assert.deepEqual([near.asked, far.asked], [[], [0, 50]]);
  });

  it('are thrown away when they are something else, and come from another one', async () => {
    const [liar, honest] = [peer('liar', Buffer.from('x'.repeat(100))), peer('honest', BYTES, [], 40)];
    await fetch('honest', [liar, honest]);
    assert.deepEqual([liar.asked, honest.asked], [[0], [0]]);
  });

  it('to which a liar gave the end are begun anew, and the honest one is asked again', async () => {
    const [honest, liar] = [peer('honest', BYTES, [30]), peer('liar', Buffer.from('x'.repeat(100)), [], 40)];
    await fetch('honest', [honest, liar]);
    assert.deepEqual([honest.asked, liar.asked], [[0, 0], [30]]);
  });

  it('that are more than there should be are thrown away', async () => {
    const [liar, honest] = [peer('liar', Buffer.concat([BYTES, BYTES])), peer('honest', BYTES, [], 40)];
    await fetch('honest', [liar, honest]);
    assert.deepEqual([liar.asked, honest.asked], [[0], [0]]);
  });

  it('are never taken when nobody gives the true ones', async () => {
    const store = openImageStore(directory());
    const { signal } = new AbortController();
    const liar = peer('liar', Buffer.from('x'.repeat(100)));
    const fetching = { store, peers: [liar], from: 'liar', onBytes: () => undefined, signal };
    await assert.rejects(fetchBlobs([{ digest: DIGEST, bytes: 100 }], fetching), /not what its digest says/);
    assert.ok(!existsSync(store.blobFile(DIGEST)));
    assert.deepEqual(liar.asked, [0], 'it is asked once');
  });
});
