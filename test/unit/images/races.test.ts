/** What several do to a store of images at once, and what comes while something else is not done yet. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { mock } from 'node:test';
import { createLog } from '../../../src/base/log.js';
import type { Layer } from '../../../src/images/image.js';
import { createImages } from '../../../src/images/images.js';
import type { ImagePeer } from '../../../src/images/peer-port.js';
import { openImageStore } from '../../../src/images/store.js';
import { type FakeImage, type FakeImageOptions, fakeImage, HERE, writeLayout } from '../../support/fake-image.js';
import { createFakeImageTools, newRegistry } from '../../support/fake-image-tools.js';
import { temporary } from '../../support/temporary.js';

const log = createLog({ level: 'fatal', pretty: false }, {});
const { signal } = new AbortController();
const HOUR_MS = 60 * 60 * 1000;
/** So many that to remove them takes a while. */
const MANY = 30;
const manyLayers = (word: string) => Array.from({ length: MANY }, (_, index) => ({ [`file${index}`]: word }));

describe('a store of images that several use at once', () => {
  const directory = temporary();
  const registry = newRegistry();
  const tools = createFakeImageTools(registry);
  const open = () => openImageStore(join(directory(), 'images'));
  function images(store = open(), peers: readonly ImagePeer[] = []) {
    const usedBy = () => [];
    return createImages({ node: 'node1', store, tools, architecture: HERE, usedBy, peers: () => peers, log });
  }
  const filesIn = (part: string) => readdirSync(join(directory(), 'images', part));
  function lay(name: string, options: FakeImageOptions) {
    writeLayout(join(directory(), name), fakeImage(options));
    return { source: `oci:${join(directory(), name)}`, name, insecure: false, entrypoint: [], system: false };
  }

  it('removes nothing of what comes in while it is removing', async () => {
    const store = open();
    const room = images(store);
    const layers = manyLayers('shared');
    const old = await room.pull(lay('old', { layers }), () => undefined, signal);
    await unname(room, old.digest, 'old');
    const pruning = room.prune();
    // Its layers are those of "old", which are there as long as they are not removed yet.
    const other = { layers, config: { Entrypoint: ['/other'] } };
    const image = await room.pull(lay('new', other), () => undefined, signal);
    await pruning;
    assert.deepEqual(
      room.list().map(({ digest }) => digest),
      [image.digest],
    );
    assert.equal(image.layers.filter(({ diffId }) => store.hasLayer(diffId)).length, MANY);
    assert.equal(image.layers.filter(({ digest }) => store.hasBlob(digest)).length, MANY);
  });

  it('gives nobody an image that is being removed', async () => {
    const room = images();
    const first = await room.pull(lay('first', { layers: manyLayers('first') }), () => undefined, signal);
    const second = await room.pull(lay('second', { layers: manyLayers('second') }), () => undefined, signal);
    const letGo = room.hold(first.digest);
    await unname(room, second.digest, 'second', async () => await room.remove('first'));
    letGo();
    const pruning = room.prune();
    // Whoever makes a cnvm of it now would have none of its layers.
    for (let ended = false; !ended; ) {
      for (const { digest } of [first, second]) assert.ok(!room.has(digest), `${digest} is still given away`);
      ended = await Promise.race([pruning.then(() => true), new Promise<false>((go) => setImmediate(go, false))]);
    }
    assert.deepEqual(filesIn('images'), []);
  });

  it('is pruned by two at once', async () => {
    const room = images();
    const image = await room.pull(lay('one', { layers: manyLayers('one') }), () => undefined, signal);
    await unname(room, image.digest, 'one');
    const freed = await Promise.all([room.prune(), room.prune()]);
    assert.deepEqual(
      freed.flatMap((one) => one.images),
      [image.digest],
    );
    assert.deepEqual([filesIn('layers'), filesIn('blobs/sha256'), filesIn('incoming')], [[], [], []]);
  });

  it('keeps every name that is given at once, also for the next daemon', async () => {
    const store = open();
    const image = await images(store).pull(lay('one', { layers: [{ a: 'x' }] }), () => undefined, signal);
    // Which of two writers is the last one, chance decides.
    for (let round = 0; round < 20; round += 1) {
      const names = Array.from({ length: 6 }, (_, index) => `round${round}-${index}`);
      await Promise.all(names.map((name) => store.setName(name, image.digest)));
      const kept = open().find('one').names;
      assert.deepEqual(
        names.filter((name) => !kept.includes(name)),
        [],
      );
    }
  });

  it('takes the same layer in twice at once', async () => {
    const store = open();
    const text = createHash('sha256').update('a layer').digest('hex');
    const layer: Layer = { digest: `sha256:${text}`, diffId: `sha256:${text}`, bytes: 1, mediaType: 'x' };
    const made = Array.from({ length: 8 }, () => {
      const path = store.newIncoming();
      mkdirSync(join(path, 'layer'));
      writeFileSync(join(path, 'layer', 'file'), 'x');
      return join(path, 'layer');
    });
    await Promise.all(made.map((path) => store.putLayer(layer, path, 1)));
    assert.ok(store.hasLayer(layer.diffId));
    assert.deepEqual(readdirSync(store.layerDirectory(layer.diffId)), ['file']);
  });

  it('has two images brought at once that share a layer, from one peer, each byte once', async () => {
    const shared = { big: 'x'.repeat(5_000) };
    const [one, two] = [fakeImage({ layers: [shared, { a: 'one' }] }), fakeImage({ layers: [shared, { a: 'two' }] })];
    const source = peer([one, two]);
    const room = images(open(), [source]);
    await Promise.all([one, two].map(async ({ digest }) => await ended(room.serving.take(order(digest), 'node2'))));
    assert.deepEqual(
      room
        .list()
        .map(({ digest }) => digest)
        .toSorted(),
      [one.digest, two.digest].toSorted(),
    );
    assert.equal(new Set(source.pulled).size, source.pulled.length, 'no blob came twice');
    assert.deepEqual(filesIn('partial'), []);
  });

  it('keeps what a peer had it bring for the cnvm that follows, however long it took to come', async () => {
    const one = fakeImage({ layers: [{ a: 'one' }] });
    const room = images(open(), [peer([one], () => mock.timers.tick(HOUR_MS))]);
    mock.timers.enable({ apis: ['setTimeout'] });
    try {
      await ended(room.serving.take(order(one.digest), 'node2'));
      await room.prune();
      assert.ok(room.has(one.digest));
      mock.timers.tick(HOUR_MS);
      await room.prune();
      assert.ok(!room.has(one.digest), 'nobody has come for it');
    } finally {
      mock.timers.reset();
    }
  });
});

/** Afterwards nobody needs it, and it is not collected yet. */
async function unname(
  room: ReturnType<typeof createImages>,
  digest: string,
  name: string,
  meanwhile: () => Promise<unknown> = async () => undefined,
): Promise<void> {
  const letGo = room.hold(digest);
  await room.remove(name);
  await meanwhile();
  letGo();
}

const order = (digest: string) => ({ digest, name: '', layers: [] });

async function ended(progress: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of progress);
}

const soon = () => new Promise<void>((resolve) => setImmediate(resolve));

/** Has all of them, and gives them a few bytes at a time. @param wait what passes before each few. */
function peer(all: readonly FakeImage[], wait: () => unknown = soon): ImagePeer & { readonly pulled: string[] } {
  const blobs = new Map(all.flatMap((one) => [...one.blobs]));
  const pulled: string[] = [];
  return {
    name: 'node2',
    pulled,
    have: async (digests) => digests.filter((digest) => blobs.has(digest)),
    async *pull(digest, offset) {
      pulled.push(digest);
      const bytes = blobs.get(digest) ?? Buffer.alloc(0);
      for (let at = offset; at < bytes.length; at += 500) {
        await wait();
        yield bytes.subarray(at, at + 500);
      }
    },
    // biome-ignore lint/correctness/useYield: nothing is taken here
    async *take() {
      throw new Error('nothing is taken here');
    },
  };
}
