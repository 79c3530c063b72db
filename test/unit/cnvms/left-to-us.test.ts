import assert from 'node:assert/strict';
import { linkSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { BinaryWriter } from '@bufbuild/protobuf/wire';
import { makeLostNames, noteLostNames } from '../../../src/cnvms/lost-names.js';
import { namesMadeByCriu, rearmIn, regularNames } from '../../../src/tools/criu-images.js';
import { temporary } from '../../support/temporary.js';

/** As criu writes it: entries of open files, each after its length. */
function filesImage(names: readonly string[]): Buffer {
  const entries = names.flatMap((name, id) => {
    const regular = new BinaryWriter().tag(1, 0).uint32(id).tag(3, 0).uint64(0).tag(6, 2).string(name).finish();
    const entry = new BinaryWriter().tag(1, 0).int32(1).tag(2, 0).uint32(id).tag(3, 2).bytes(regular).finish();
    const length = Buffer.alloc(4);
    length.writeUInt32LE(entry.length);
    return [length, entry];
  });
  return Buffer.concat([Buffer.alloc(8), ...entries]);
}

describe('a timer that goes off again and again', () => {
  const timer = (left: readonly [number, number], period: readonly [number, number]) => {
    const writer = new BinaryWriter()
      .tag(1, 0)
      .uint32(3)
      .tag(3, 2)
      .bytes(new Uint8Array([8, 0]))
      .tag(5, 0)
      .uint64(1);
    for (const [index, number] of [...left, ...period].entries()) writer.tag(7 + index, 0).uint64(number);
    const entry = new BinaryWriter().tag(1, 0).int32(17).tag(2, 0).uint32(3).tag(12, 2).bytes(writer.finish()).finish();
    const length = Buffer.alloc(4);
    length.writeUInt32LE(entry.length);
    return Buffer.concat([filesImage(['/usr/bin/perl']), length, entry]);
  };

  it('and had just done so is about to do so again, and nothing else is changed', () => {
    const image = timer([0, 0], [0, 50_000_000]);
    assert.ok(rearmIn(image));
    assert.deepEqual(image, timer([0, 1], [0, 50_000_000]));
    assert.ok(!rearmIn(image));
  });

  it('is left alone when it has time left, and so is one that goes off once', () => {
    for (const image of [timer([0, 7], [1, 0]), timer([7, 0], [1, 0]), timer([0, 0], [0, 0])]) {
      const before = Buffer.from(image);
      assert.ok(!rearmIn(image));
      assert.deepEqual(image, before);
    }
  });
});

describe('an open file that has lost its name', () => {
  const directory = temporary();
  let disk = '';
  let images = '';
  let root = '';

  beforeEach(() => {
    [disk, images, root] = ['disk', 'images', 'root'].map((name) => join(directory(), name)) as [
      string,
      string,
      string,
    ];
    for (const one of [disk, images, root]) mkdirSync(join(one, 'srv', 'ä b'), { recursive: true });
  });
  const dumped = (...names: string[]) => {
    writeFileSync(join(images, 'files.img'), filesImage(['/usr/bin/perl', ...names]));
    writeFileSync(join(images, 'remap-fpath.img'), '');
  };

  it('has another one at the target, although criu’s came too late for the disk', async () => {
    writeFileSync(join(disk, 'srv/two'), 'content');
    linkSync(join(disk, 'srv/two'), join(disk, 'srv/ä b/link_remap.7'));
    writeFileSync(join(root, 'srv/two'), 'content');
    dumped('/srv/ä b/link_remap.7', '/run/link_remap.8');
    await noteLostNames(disk, images);
    await makeLostNames(root, images);
    assert.equal(readFileSync(join(root, 'srv/ä b/link_remap.7'), 'utf8'), 'content');
    assert.equal(statSync(join(root, 'srv/two')).ino, statSync(join(root, 'srv/ä b/link_remap.7')).ino);
    // Once more, as for a second try.
    await makeLostNames(root, images);
  });

  it('is none where criu has made no name', async () => {
    assert.deepEqual(namesMadeByCriu(images), []);
    dumped('/srv/link_remap.x', '/srv/my-link_remap.1');
    assert.deepEqual(namesMadeByCriu(images), []);
    await noteLostNames(disk, images);
    await makeLostNames(root, images);
  });

  it('is refused when no name of it has come, or one leads out of the cnvm', async () => {
    writeFileSync(join(directory(), 'of the node'), 'secret');
    symlinkSync(directory(), join(root, 'srv/way'));
    symlinkSync(join(directory(), 'of the node'), join(root, 'srv/known'));
    for (const names of [
      ['srv/gone', 'srv/link_remap.1'],
      ['../of the node', 'srv/link_remap.1'],
      ['srv/way/of the node', 'srv/x'],
      ['srv/known', 'srv/x'],
      ['srv/x', 'srv/way/made'],
    ]) {
      writeFileSync(join(images, 'names.json'), JSON.stringify([names]));
      await assert.rejects(makeLostNames(root, images), { code: 'refused' }, names.join());
    }
  });

  it('is told of a file that is cut off', () => {
    const image = filesImage(['/srv/one']);
    assert.deepEqual(regularNames(image), ['/srv/one']);
    assert.throws(() => regularNames(image.subarray(0, image.length - 2)), /cut off/);
  });
});
