import assert from 'node:assert/strict';
import { lstatSync, mkdirSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { forgetTimesOf } from '../../../src/migration/compare-content.js';
import { temporary } from '../../support/temporary.js';

describe('what is to be compared by its content', () => {
  const root = temporary();
  const at = (path: string) => join(root(), path);
  const timeOf = (path: string) => lstatSync(at(path)).mtimeMs;
  function write(path: string): void {
    writeFileSync(at(path), path);
    utimesSync(at(path), 1000, 1000);
  }

  it('loses its time; a directory keeps its own, and what is not there is none', async () => {
    mkdirSync(at('disk/d'), { recursive: true });
    for (const path of ['disk/-odd\n#', 'disk/d/a', 'disk/d/b']) write(path);
    symlinkSync('nowhere', at('disk/link'));
    utimesSync(at('disk/d'), 1000, 1000);
    await forgetTimesOf(at('disk'), Buffer.from('./\0./-odd\n#\0./d/\0./d/a\0./gone\0./gone/too\0./link\0'));
    const paths = ['disk/-odd\n#', 'disk/d/a', 'disk/link', 'disk/d', 'disk/d/b'];
    assert.deepEqual(paths.map(timeOf), [0, 0, 0, 1_000_000, 1_000_000]);
  });

  it('is nothing outside of the disk', async () => {
    mkdirSync(at('disk'));
    mkdirSync(at('outside'));
    for (const path of ['outside/a', 'beside']) write(path);
    symlinkSync('../outside', at('disk/d'));
    await forgetTimesOf(at('disk'), Buffer.from(`./d/a\0./../beside\0${at('beside')}\0.//../beside\0`));
    assert.deepEqual(['outside/a', 'beside'].map(timeOf), [1_000_000, 1_000_000]);
  });
});
