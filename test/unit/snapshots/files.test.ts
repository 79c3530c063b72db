import assert from 'node:assert/strict';
import { existsSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Manifest, manifestText, parseManifest } from '../../../src/snapshots/manifest.js';
import { openNotes, partialName, removePartial } from '../../../src/snapshots/notes.js';
import { checkSums, sumsOf } from '../../../src/snapshots/sums.js';
import { facts, record } from '../../support/samples.js';
import { temporary } from '../../support/temporary.js';

const NEVER = new AbortController().signal;
const file = (path: string) => ({ path, bytes: 1, sha256: 'a'.repeat(64) });
const { name, version, criuVersion, runcVersion, kernelRelease, architecture, cpuFlags } = facts('node1');
const MANIFEST: Manifest = {
  createTime: '2026-01-01T00:00:00.000Z',
  record,
  node: { name, version, criuVersion, runcVersion, kernelRelease, architecture, cpuFlags: [...cpuFlags] },
  memory: true,
  memoryBytes: 4096,
  files: [file('disk.tar'), file('memory/core-1.img')],
};

describe('what a snapshot says of itself', () => {
  it('comes back as it was written', () => {
    assert.deepEqual(parseManifest(manifestText(MANIFEST)), MANIFEST);
  });

  const WRONG: readonly (readonly [string, object])[] = [
    ['a file outside', { files: [file('disk.tar'), file('memory/core-1.img'), file('memory/../../etc/shadow')] }],
    ['an absolute file', { files: [file('disk.tar'), file('/etc/shadow')] }],
    ['a file twice', { files: [file('disk.tar'), file('disk.tar'), file('memory/core-1.img')] }],
    ['no disk', { files: [file('memory/core-1.img')] }],
    ['memory without files', { files: [file('disk.tar')] }],
    ['files without memory', { memory: false }],
    ['no record', { record: undefined }],
    ['a record with a name that leads elsewhere', { record: { ...record, name: '../x' } }],
    ['another form', { schema: 2 }],
  ];
  for (const [what, change] of WRONG) {
    it(`is refused with ${what}`, () => {
      const text = JSON.stringify({ ...(JSON.parse(manifestText(MANIFEST)) as object), ...change });
      assert.throws(() => parseManifest(text), {
        code: 'refused',
        kind: 'invalid',
        message: /manifest.json cannot be read/,
      });
    });
  }
});

describe('the sums of a snapshot', () => {
  const directory = temporary();
  function snapshot(): string {
    const root = join(directory(), 'one');
    mkdirSync(join(root, 'memory'), { recursive: true });
    writeFileSync(join(root, 'disk.tar'), 'disk');
    writeFileSync(join(root, 'memory', 'core-1.img'), 'core');
    writeFileSync(join(root, 'memory', '.page-server.log'), 'log');
    return root;
  }

  it('are of all files but logs, and hold', async () => {
    const root = snapshot();
    let bytes = 0;
    const count = (more: number) => {
      bytes += more;
    };
    const files = await sumsOf(root, count, NEVER);
    assert.deepEqual(
      files.map(({ path }) => path),
      ['disk.tar', 'memory/core-1.img'],
    );
    assert.equal(bytes, 8);
    await checkSums({ directory: root, name: 'mine' }, files, () => undefined, NEVER);
  });

  it('show what has changed, is gone, or is a link by now', async () => {
    const root = snapshot();
    const files = await sumsOf(root, () => undefined, NEVER);
    writeFileSync(join(root, 'disk.tar'), 'disc');
    rmSync(join(root, 'memory', 'core-1.img'));
    const expected = /snapshot mine is spoilt: disk.tar is not what it was, memory\/core-1.img is not there/;
    await assert.rejects(
      checkSums({ directory: root, name: 'mine' }, files, () => undefined, NEVER),
      expected,
    );
    writeFileSync(join(directory(), 'outside'), 'core');
    symlinkSync(join(directory(), 'outside'), join(root, 'memory', 'core-1.img'));
    await assert.rejects(
      checkSums({ directory: root, name: 'mine' }, files, () => undefined, NEVER),
      expected,
    );
  });
});

describe('what is half done', () => {
  const directory = temporary();

  it('is noted until it is whole or gone', async () => {
    const notes = openNotes(directory());
    const note = { kind: 'taking', id: 'one', record, partial: '/srv/x' } as const;
    await notes.write(note);
    assert.deepEqual(openNotes(directory()).all(), [note]);
    await notes.remove('one');
    assert.deepEqual(notes.all(), []);
  });

  it('is removed, and nothing else is', async () => {
    const id = 'aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee';
    const partial = partialName(join(directory(), 'one'), id);
    for (const path of [partial, join(directory(), 'mine')]) mkdirSync(path);
    await removePartial(partial);
    await removePartial(join(directory(), 'mine'));
    assert.equal(existsSync(partial), false);
    assert.equal(existsSync(join(directory(), 'mine')), true);
  });
});
