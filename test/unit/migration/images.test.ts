import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { CnvmError } from '../../../src/base/errors.js';
import { EARLY_IMAGE, readEarlyImage, readImages, writeImages } from '../../../src/migration/images.js';
import type { ImageChunk } from '../../../src/migration/peer-port.js';
import { FUZZ_TIMEOUT_MS, runs } from '../../support/fuzz.js';
import { temporary } from '../../support/temporary.js';

async function* chunks(...list: ImageChunk[]): AsyncGenerator<ImageChunk> {
  yield* list;
}
const data = Buffer.from('x');

describe('image files', () => {
  const directory = temporary();

  it('arrive as they were, empty ones too', async () => {
    const [from, to] = [join(directory(), 'from'), join(directory(), 'to')];
    for (const path of [from, to]) mkdirSync(path);
    const big = Buffer.alloc(700_000, 'b');
    writeFileSync(join(from, 'core-1.img'), big);
    writeFileSync(join(from, 'inventory.img'), '');
    assert.equal(await writeImages(readImages(from), to), big.length);
    assert.deepEqual(readFileSync(join(to, 'core-1.img')), big);
    assert.equal(readFileSync(join(to, 'inventory.img')).length, 0);
  });

  it('are told of when each is whole, and what a restore begins with can go before the others', async () => {
    const [from, to] = [join(directory(), 'from'), join(directory(), 'to')];
    for (const path of [from, to]) mkdirSync(path);
    assert.deepEqual([...readEarlyImage(from)], []);
    writeFileSync(join(from, EARLY_IMAGE), '[]');
    writeFileSync(join(from, 'core-1.img'), Buffer.alloc(700_000, 'b'));
    const whole: string[] = [];
    const onWhole = (file: string) => {
      whole.push(file);
      assert.equal(readFileSync(join(to, file)).length, readFileSync(join(from, file)).length);
    };
    await writeImages(chunks(...readEarlyImage(from)), to, { onWhole });
    assert.deepEqual(whole, [EARLY_IMAGE]);
    await writeImages(readImages(from, [EARLY_IMAGE]), to, { onWhole });
    assert.deepEqual(whole, [EARLY_IMAGE, 'core-1.img']);
  });

  it('go without the link to those that they build on, which the other end has of its own', async () => {
    const [from, to] = [join(directory(), 'from'), join(directory(), 'to')];
    for (const path of [from, to]) mkdirSync(path);
    symlinkSync('../1', join(from, 'parent'));
    mkdirSync(join(from, 'more'));
    writeFileSync(join(from, 'core-1.img'), 'x');
    await writeImages(readImages(from), to);
    assert.deepEqual(readdirSync(to), ['core-1.img']);
  });

  for (const file of [
    '../x',
    'parent',
    '/etc/passwd',
    'a/b',
    '',
    '.hidden',
    'pages-1.img',
    'a\u0000b',
    'x'.repeat(300),
  ]) {
    it(`a name like ${JSON.stringify(file).slice(0, 20)} is refused`, async () => {
      await assert.rejects(
        writeImages(chunks({ file, data, last: true }), directory()),
        /the source sent an image file/,
      );
    });
  }

  it('a file that comes twice is refused', async () => {
    const twice = chunks(...['a.img', 'b.img', 'a.img'].map((file) => ({ file, data, last: true })));
    await assert.rejects(writeImages(twice, directory()), /sent an image file "a.img"/);
  });

  it('a file that lies there already stays as it is', async () => {
    writeFileSync(join(directory(), 'pagemap-1.img'), 'mine');
    const sent = writeImages(chunks({ file: 'pagemap-1.img', data, last: true }), directory());
    await assert.rejects(sent, /the image file "pagemap-1\.img" cannot be written/);
    assert.equal(readFileSync(join(directory(), 'pagemap-1.img'), 'utf8'), 'mine');
  });

  it('whatever comes, it is written as it came or refused, in that directory alone, and nothing stays open', async () => {
    const file = fc.oneof(
      fc.constantFrom('a.img', 'core-1.img', 'b', 'pages-1.img', '.', '..', '../x', 'to', 'a/b', '', 'A', 'a\n', 'a\0'),
      fc.string({ unit: 'binary' }),
    );
    const sent = fc.array(fc.record({ file, data: fc.uint8Array({ maxLength: 64 }), last: fc.boolean() }), {
      maxLength: 8,
    });
    const open = () => readdirSync('/proc/self/fd').length;
    const before = open();
    let count = 0;
    await fc.assert(
      fc.asyncProperty(sent, async (list) => {
        count += 1;
        const home = join(directory(), String(count));
        mkdirSync(join(home, 'to'), { recursive: true });
        try {
          const bytes = await writeImages(chunks(...list), join(home, 'to'));
          const whole = new Map<string, Buffer>();
          for (const one of list)
            whole.set(one.file, Buffer.concat([whole.get(one.file) ?? Buffer.alloc(0), one.data]));
          for (const [name, content] of whole) assert.deepEqual(readFileSync(join(home, 'to', name)), content);
          assert.equal(readdirSync(join(home, 'to')).length, whole.size);
          assert.equal(
            bytes,
            [...whole.values()].reduce((sum, content) => sum + content.length, 0),
          );
        } catch (error) {
          assert.ok(error instanceof CnvmError && error.code === 'refused', String(error));
        }
        assert.deepEqual(readdirSync(home), ['to']);
      }),
      runs(300),
    );
    assert.ok(open() <= before + 2, 'files stay open');
  }).timeout(FUZZ_TIMEOUT_MS);
});
