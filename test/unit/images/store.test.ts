import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createLog } from '../../../src/base/log.js';
import { createImages } from '../../../src/images/images.js';
import { openImageStore } from '../../../src/images/store.js';
import { type FakeImageOptions, fakeImage, HERE, writeLayout } from '../../support/fake-image.js';
import { createFakeImageTools, newRegistry } from '../../support/fake-image-tools.js';
import { temporary } from '../../support/temporary.js';

const log = createLog({ level: 'fatal', pretty: false }, {});
const { signal } = new AbortController();

describe('a store of images', () => {
  const directory = temporary();
  const registry = newRegistry();
  const tools = createFakeImageTools(registry);
  let used: string[] = [];
  beforeEach(() => {
    used = [];
    registry.fetched.length = 0;
    registry.availableBytes = 2 ** 40;
    registry.beforeBlob = async () => undefined;
  });

  const open = () => openImageStore(join(directory(), 'images'));
  function images(store = open()) {
    const usedBy = (digest: string) => (used.includes(digest) ? ['some-cnvm'] : []);
    return createImages({ node: 'node1', store, tools, architecture: HERE, usedBy, peers: () => [], log });
  }
  async function pull(room: ReturnType<typeof images>, name: string, options: FakeImageOptions) {
    const image = fakeImage(options);
    writeLayout(join(directory(), name), image);
    return await room.pull(orderOf(name), () => undefined, signal);
  }
  const orderOf = (name: string) => ({
    ...{ source: `oci:${join(directory(), name)}`, name, insecure: false, entrypoint: [], system: false },
  });
  const filesIn = (part: string) => readdirSync(join(directory(), 'images', part));

  it('keeps what came over a restart, each layer once', async () => {
    const room = images();
    await pull(room, 'one', { layers: [{ 'a/b': 'shared' }, { c: 'own' }] });
    await pull(room, 'two', { layers: [{ 'a/b': 'shared' }] });
    assert.deepEqual(
      room.list().map(({ names }) => names),
      [['one'], ['two']],
    );
    assert.equal(filesIn('layers').filter((name) => !name.endsWith('.json')).length, 2);
    const again = open();
    assert.deepEqual(again.list(), room.list());
    const [layer] = again.find('two').layers;
    assert.ok(existsSync(join(again.layerDirectory(layer?.diffId ?? ''), 'a', 'b')));
  });

  it('fetches no blob twice', async () => {
    const room = images();
    await pull(room, 'one', { layers: [{ a: 'shared' }] });
    const before = registry.fetched.length;
    await pull(room, 'two', { layers: [{ a: 'shared' }], config: { Entrypoint: ['/other'] } });
    assert.equal(registry.fetched.length - before, 2, 'a manifest and a config');
  });

  it('refuses what is for another architecture, what does not fit, and what is not there, and keeps nothing of it', async () => {
    const room = images();
    await assert.rejects(pull(room, 'foreign', { layers: [{ a: 'x' }], architecture: 'pdp11' }), /pdp11/);
    registry.availableBytes = 1;
    await assert.rejects(pull(room, 'big', { layers: [{ a: 'x' }] }), /not enough space.*MiB needed, 1 MiB free/);
    registry.availableBytes = 2 ** 40;
    await assert.rejects(
      room.pull(orderOf('nothing'), () => undefined, signal),
      { code: 'refused', kind: 'not-found' },
    );
    assert.deepEqual([room.list(), filesIn('incoming'), filesIn('layers'), filesIn('blobs/sha256')], [[], [], [], []]);
  });

  it('refuses a layer that was changed where it lies, and does not keep it for the next one', async () => {
    const store = open();
    const image = fakeImage({ layers: [{ a: 'true' }] });
    writeLayout(join(directory(), 'one'), image);
    const layer = [...image.blobs.keys()][0] ?? '';
    // As if one that died had left it.
    writeFileSync(store.blobFile(layer), 'false');
    await assert.rejects(
      images(store).pull(orderOf('one'), () => undefined, signal),
      /not what its digest says/,
    );
    assert.deepEqual([store.list(), filesIn('incoming'), filesIn('layers')], [[], [], []]);
    await images(store).pull(orderOf('one'), () => undefined, signal);
    assert.equal(store.list().length, 1);
  });

  it('forgets what was half in when a daemon died', async () => {
    const room = images();
    const kept = await pull(room, 'kept', { layers: [{ a: 'kept' }] });
    mkdirSync(join(directory(), 'images', 'incoming', 'x', 'deep'), { recursive: true });
    mkdirSync(join(directory(), 'images', 'layers', 'f'.repeat(32)));
    writeFileSync(join(directory(), 'images', 'partial', 'e'.repeat(64)), 'half');
    writeFileSync(join(directory(), 'images', 'blobs', 'sha256', 'd'.repeat(64)), 'no record');
    await images(open()).start();
    assert.deepEqual([filesIn('incoming'), filesIn('partial')], [[], []]);
    assert.equal(filesIn('layers').length, 2);
    assert.equal(filesIn('blobs/sha256').length, 3);
    assert.equal(open().find('kept').digest, kept.digest);
  });

  it('does not remove what is in use, nor what is held, and tells who uses it', async () => {
    const room = images();
    const { digest } = await pull(room, 'one', { layers: [{ a: 'x' }] });
    used = [digest];
    await assert.rejects(room.remove('one'), /one is in use by some-cnvm/);
    used = [];
    const letGo = room.hold(digest);
    await room.remove('one');
    assert.ok(room.has(digest));
    letGo();
    letGo();
    assert.deepEqual((await room.prune()).images, [digest]);
    assert.deepEqual([filesIn('layers'), filesIn('blobs/sha256')], [[], []]);
  });

  it('one of several names goes alone', async () => {
    const room = images();
    const layers = [{ a: 'x' }];
    await pull(room, 'one', { layers });
    const { digest } = await pull(room, 'two', { layers });
    used = [digest];
    await room.remove('one');
    assert.deepEqual(
      room.list().map(({ names }) => names),
      [['two']],
    );
  });

  it('lets a name be written with "latest", which is not told apart', async () => {
    const room = images();
    const layers = [{ a: 'x' }];
    await pull(room, 'nginx', { layers });
    await pull(room, 'mine', { layers });
    await room.remove('nginx:latest');
    assert.deepEqual(
      room.list().map(({ names }) => names),
      [['mine']],
    );
  });

  it('goes by the name as it is said before it goes by it without "latest"', async () => {
    const room = images();
    await pull(room, 'nginx', { layers: [{ a: 'x' }] });
    writeLayout(join(directory(), 'other'), fakeImage({ layers: [{ a: 'y' }] }));
    await room.pull({ ...orderOf('other'), name: 'nginx:latest' }, () => undefined, signal);
    await room.remove('nginx:latest');
    assert.deepEqual(
      room.list().map(({ names }) => names),
      [['nginx']],
    );
  });

  it('collects nothing while anything comes in', async () => {
    const room = images();
    await pull(room, 'old', { layers: [{ a: 'shared' }] });
    let removed: Promise<unknown> | undefined;
    registry.beforeBlob = async () => {
      removed ??= room.remove('old');
      await removed;
    };
    // Its layer is that of "old", which is not fetched again.
    const image = await pull(room, 'new', { layers: [{ a: 'shared' }], config: { Entrypoint: ['/other'] } });
    assert.ok(removed !== undefined);
    assert.deepEqual(
      room.list().map(({ digest }) => digest),
      [image.digest],
    );
  });

  it('a pull that is called off leaves nothing', async () => {
    const room = images();
    const abort = new AbortController();
    writeLayout(join(directory(), 'one'), fakeImage({ layers: [{ a: 'x' }, { b: 'y' }] }));
    let count = 0;
    registry.beforeBlob = async () => {
      count += 1;
      if (count === 2) abort.abort(new Error('called off'));
    };
    await assert.rejects(
      room.pull(orderOf('one'), () => undefined, abort.signal),
      /called off/,
    );
    assert.deepEqual([room.list(), filesIn('incoming')], [[], []]);
    await room.prune();
    assert.deepEqual(filesIn('blobs/sha256'), []);
  });

  it('names an image whose record is torn, and removes nothing', async () => {
    await pull(images(), 'one', { layers: [{ a: 'x' }] });
    writeFileSync(join(directory(), 'images', 'images', `${'a'.repeat(64)}.json`), '{"digest":');
    const store = open();
    assert.equal(store.list().length, 1);
    assert.match(store.torn()[0] ?? '', /a{64}\.json cannot be read/);
    // What it needs is not known, so nothing goes.
    await images(store).start();
    await assert.rejects(images(store).remove('one'), /nothing of the images is removed/);
    assert.equal(filesIn('layers').length, 2);
  });
});
