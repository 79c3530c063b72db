import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readImages, writeImages } from '../../../src/migration/images.js';
import type { ImageChunk } from '../../../src/migration/peer-port.js';
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

  for (const file of ['../x', '/etc/passwd', 'a/b', '', '.hidden', 'pages-1.img', 'a\u0000b', 'x'.repeat(300)]) {
    it(`a name like ${JSON.stringify(file).slice(0, 20)} is refused`, async () => {
      await assert.rejects(writeImages(chunks({ file, data }), directory()), /the source sent an image file/);
    });
  }

  it('a file that comes twice is refused', async () => {
    const twice = chunks({ file: 'a.img', data }, { file: 'b.img', data }, { file: 'a.img', data });
    await assert.rejects(writeImages(twice, directory()), /sent an image file "a.img"/);
  });
});
