import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { CnvmError } from '../../../src/base/errors.js';
import { findImage, listImages } from '../../../src/cnvms/image.js';
import { odd, pathsIn, replaceAt, runs, sameKind } from '../../support/fuzz.js';
import { temporary } from '../../support/temporary.js';

const image = { name: 'base', digest: 'sha256:aa', entrypoint: ['/sbin/init'], env: ['A=b'], stopSignal: 'SIGTERM' };

describe('images', () => {
  const directory = temporary();

  function lay(name: string, text: string): void {
    mkdirSync(join(directory(), name), { recursive: true });
    writeFileSync(join(directory(), name, 'image.json'), text);
  }

  it('that are whole are found beside one that is not', () => {
    lay('base', JSON.stringify(image));
    lay('torn', JSON.stringify({ ...image, name: 'torn' }).slice(0, 30));
    assert.deepEqual(
      listImages(directory()).map(({ name }) => name),
      ['base'],
    );
    assert.equal(findImage(directory(), 'base').rootfs, join(directory(), 'base', 'rootfs'));
    assert.throws(() => findImage(directory(), 'torn'), /no image "torn" here.*torn\/image\.json cannot be read/s);
  });

  it('whatever one’s file holds, it is whole or it is named', () => {
    lay('base', JSON.stringify(image));
    const broken = fc.tuple(fc.constantFrom(...pathsIn(image)), odd).map(([path, value]) => {
      const changed = JSON.parse(JSON.stringify({ ...image, name: 'odd' })) as object;
      // An image may leave out how it is stopped.
      return sameKind(replaceAt(changed, path, value), value) || path[0] === 'stopSignal'
        ? ''
        : JSON.stringify(changed);
    });
    fc.assert(
      fc.property(fc.oneof(broken, fc.string({ unit: 'binary' }), fc.json()), (text) => {
        lay('odd', text);
        assert.equal(listImages(directory()).length, 1);
        assert.throws(
          () => findImage(directory(), 'odd'),
          (error: unknown) => error instanceof CnvmError && /odd\/image\.json cannot be read/.test(error.message),
        );
      }),
      runs(300),
    );
  });
});
