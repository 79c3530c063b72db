import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { CnvmError } from '../../../src/base/errors.js';
import { openStore, parseRecord } from '../../../src/cnvms/store.js';
import { odd, pathsIn, replaceAt, runs, sameKind } from '../../support/fuzz.js';
import { record } from '../../support/samples.js';
import { temporary } from '../../support/temporary.js';

const isRefusal = (error: unknown) => error instanceof CnvmError && error.code === 'refused';

describe('the store', () => {
  const directory = temporary();

  function lay(name: string, text: string): void {
    mkdirSync(join(directory(), name), { recursive: true });
    writeFileSync(join(directory(), name, 'record.json'), text);
  }

  it('is read by the next daemon as it was written', async () => {
    await openStore(directory()).put(record);
    assert.deepEqual(openStore(directory()).all(), [record]);
  });

  it('leaves out what has no record, and files that are not its own', () => {
    mkdirSync(join(directory(), 'half-made'));
    writeFileSync(join(directory(), 'lost+found'), '');
    assert.deepEqual(openStore(directory()).all(), []);
    assert.equal(readFileSync(join(directory(), 'lost+found'), 'utf8'), '');
  });

  it('names the file that is not a record, or that of another cnvm', () => {
    lay(record.name, JSON.stringify(record).slice(0, 100));
    assert.throws(() => openStore(directory()), /the record .*sneaker01\.gonkulator\.io\/record\.json cannot be read/);
    lay(record.name, JSON.stringify({ ...record, name: 'another' }));
    assert.throws(() => openStore(directory()), /record\.json cannot be read: it is the record of another/);
  });

  it('takes no record with a value of another kind anywhere in it, or with one missing', () => {
    const paths = pathsIn(record);
    fc.assert(
      fc.property(fc.constantFrom(...paths), odd, (path, value) => {
        const changed = JSON.parse(JSON.stringify(record)) as object;
        fc.pre(!sameKind(replaceAt(changed, path, value), value));
        assert.throws(() => parseRecord(JSON.stringify(changed)), isRefusal);
      }),
      runs(500),
    );
  });

  it('takes no record that names a path, counts beyond reason or has no end', () => {
    for (const change of [
      ...['', '.', '..', '../x', 'a/b', 'a\n'].map((name) => ({ name })),
      { epoch: 2 ** 53 - 1 },
      { epoch: 1.5 },
      { address: '10.100.1.07' },
      { owner: 'x'.repeat(1_000) },
      { image: { name: 'x'.repeat(1_000), digest: '' } },
      { landing: `/${'x'.repeat(5_000)}` },
      { createTime: '2026-02-30T00:00:00Z' },
    ]) {
      assert.throws(() => parseRecord(JSON.stringify({ ...record, ...change })), isRefusal, JSON.stringify(change));
    }
  });

  it('nor any text at all', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: 'binary' }), fc.json()), (text) => {
        assert.throws(() => parseRecord(text), isRefusal);
      }),
      runs(300),
    );
    assert.throws(() => parseRecord('['.repeat(1_000_000)), isRefusal);
  });
});
