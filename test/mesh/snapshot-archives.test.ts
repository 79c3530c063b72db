/** A snapshot as one file, and a cnvm of it. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { temporary } from '../support/temporary.js';
import { assertNothingLeft, NAME, testMesh } from './support.js';

describe('a snapshot in an archive', () => {
  const mesh = testMesh(['node1', 'node2']);
  const directory = temporary();
  const place = () => join(directory(), 'snapshot.tar');
  const node = (name = 'node1') => mesh().node(name);
  const assertNothingUnpacked = (name: string) => {
    const scratch = join(node(name).stateDir, 'snapshots-unpacked');
    assert.deepEqual(existsSync(scratch) ? readdirSync(scratch) : [], []);
  };

  async function take(): Promise<void> {
    await node().create(NAME);
    node().host.remember(NAME, 'a', 'in memory');
    node().host.write(NAME, '/b', 'on disk');
    const { memory, directory: at } = await node().snapshot(NAME, place(), false, true);
    assert.deepEqual({ memory, at }, { memory: true, at: place() });
  }

  it('is one file, an OCI layout whose layers are named, and comes back with memory and disk', async () => {
    await take();
    assert.deepEqual(readdirSync(directory()), ['snapshot.tar']);
    assert.equal(statSync(place()).mode & 0o777, 0o600);
    const member = (name: string) =>
      execFileSync('tar', ['-xOf', place(), `./${name}`], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
    const { manifests } = JSON.parse(member('index.json')) as { manifests: [{ digest: string }] };
    const blob = (digest: string) => member(`blobs/${digest.replace(':', '/')}`);
    const whole = JSON.parse(blob(manifests[0].digest)) as {
      config: { digest: string };
      layers: { annotations: Record<string, string> }[];
    };
    const titles = whole.layers.map(({ annotations }) => annotations['org.opencontainers.image.title']);
    assert.deepEqual(titles.slice(0, 2), ['manifest.json', 'disk.tar']);
    assert.match(titles.join(), /memory\/core-1.img/);
    const { config } = JSON.parse(blob(whole.config.digest)) as { config: { Labels: Record<string, string> } };
    assert.equal(config.Labels['cnvm.snapshot'], NAME);
    await node().remove(NAME);
    const { memory } = await node('node2').restoreFrom(place());
    assert.equal(memory, true);
    assert.equal(node('node2').host.recall(NAME, 'a'), 'in memory');
    assert.equal(node('node2').host.filesOf(NAME)?.['/b'], 'on disk');
    assertNothingUnpacked('node2');
  });

  /** The archive, with what is in it as it was, or not. */
  function change(act: (layout: string) => void): void {
    const layout = join(directory(), 'layout');
    mkdirSync(layout);
    execFileSync('tar', ['-xf', place(), '-C', layout]);
    act(layout);
    execFileSync('tar', ['-cf', place(), '-C', layout, '.']);
  }
  const spoil = (file: string, from: string, to: string) =>
    writeFileSync(file, readFileSync(file, 'utf8').replace(from, to));
  const blobWith = (layout: string, text: string): string => {
    const blobs = join(layout, 'blobs', 'sha256');
    const found = readdirSync(blobs).find((name) => readFileSync(join(blobs, name), 'utf8').includes(text));
    assert.ok(found !== undefined);
    return join(blobs, found);
  };

  const replaced = (file: string, act: (file: string) => void) => {
    rmSync(file);
    act(file);
  };

  const SPOILT: readonly (readonly [string, (layout: string) => void, RegExp])[] = [
    [
      'its disk',
      (layout) => spoil(blobWith(layout, '"on disk"'), 'on disk', 'on dusk'),
      /snapshot.tar is spoilt: disk.tar is not what it was/,
    ],
    ['its manifest', (layout) => spoil(blobWith(layout, '"createTime"'), '"schema"', '"SCHEMA"'), /is not what it was/],
    ['a title', (layout) => spoil(blobWith(layout, '"disk.tar"}'), '"disk.tar"}', '"../a.tar"}'), /is not what it was/],
    [
      'its disk, to a pipe that nobody writes to,',
      (layout) => replaced(blobWith(layout, '"on disk"'), (file) => execFileSync('mkfifo', [file])),
      /is no snapshot: "disk.tar" is no file in it/,
    ],
    [
      'its disk, to a link that leads out of it,',
      (layout) => replaced(blobWith(layout, '"on disk"'), (file) => symlinkSync('/etc/hostname', file)),
      /is no snapshot: "disk.tar" is no file in it/,
    ],
    [
      'the place of its blobs, to a link that leads out of it,',
      (layout) => {
        renameSync(join(layout, 'blobs'), join(directory(), 'elsewhere'));
        symlinkSync(join(directory(), 'elsewhere'), join(layout, 'blobs'));
      },
      /is no snapshot: /,
    ],
    ['its index', (layout) => writeFileSync(join(layout, 'index.json'), '{}'), /is no snapshot: the index/],
  ];
  for (const [what, act, words] of SPOILT) {
    it(`of which ${what} has changed is refused, and nothing is there`, async () => {
      await take();
      await node().remove(NAME);
      change(act);
      await assert.rejects(node().restoreFrom(place()), words);
      await assertNothingLeft(mesh());
      assertNothingUnpacked('node1');
    });
  }

  it('in which a name leads out of it is refused, and nothing is written there', async () => {
    await take();
    await node().remove(NAME);
    const outside = join(directory(), 'escaped');
    writeFileSync(outside, 'x');
    execFileSync('tar', ['-rPf', place(), `--transform=s,.*,../../../../../../../../../..${outside}-again,`, outside]);
    await assert.rejects(node().restoreFrom(place()), /is no snapshot: /);
    assert.equal(existsSync(`${outside}-again`), false);
    await assertNothingLeft(mesh());
    assertNothingUnpacked('node1');
  });

  it('that cannot be written leaves nothing, and the cnvm runs on', async () => {
    await node().create(NAME);
    node().host.plan.fail('machine.packDisk', 'after');
    await assert.rejects(node().snapshot(NAME, place(), false, true));
    assert.deepEqual(readdirSync(directory()), []);
    assert.equal(node().host.stateOf(NAME), 'running');
    await node().remove(NAME);
  });

  it('whose daemon dies leaves nothing, and the next one lets the cnvm run on', async () => {
    await node().create(NAME);
    const held = node().host.plan.hold('machine.packDisk');
    node()
      .snapshot(NAME, place(), false, true)
      .catch(() => undefined);
    await held.reached;
    node().crash();
    held.goOn();
    await node().begin();
    assert.deepEqual(readdirSync(directory()), []);
    assert.equal(node().host.stateOf(NAME), 'running');
    await node().remove(NAME);
  });

  it('that was cut short is refused', async () => {
    await take();
    await node().remove(NAME);
    truncateSync(place(), statSync(place()).size / 2);
    await assert.rejects(node().restoreFrom(place()), /is no snapshot: /);
    await assertNothingLeft(mesh());
    assertNothingUnpacked('node1');
  });

  it('whose restoring daemon dies leaves nothing when the next one begins', async () => {
    await take();
    await node().remove(NAME);
    const held = node().host.plan.hold('machine.unpackDisk');
    node()
      .restoreFrom(place())
      .catch(() => undefined);
    await held.reached;
    assert.equal(readdirSync(join(node().stateDir, 'snapshots-unpacked')).length, 1);
    node().crash();
    held.goOn();
    await node().begin();
    await assertNothingLeft(mesh());
    assertNothingUnpacked('node1');
    assert.equal((await node().restoreFrom(place())).memory, true);
  });

  it('that is none is refused', async () => {
    writeFileSync(place(), 'a letter');
    await assert.rejects(node().restoreFrom(place()), /snapshot.tar is no snapshot: /);
    assertNothingUnpacked('node1');
  });

  it('for which there is no room leaves nothing, and the cnvm runs on', async () => {
    await take();
    const { host } = node();
    host.registry.availableBytes = 1024;
    const other = join(directory(), 'other.tar');
    await assert.rejects(node().snapshot(NAME, other, false, true), /not enough room for .*other.tar: \d+ MiB needed/);
    await node().remove(NAME);
    await assert.rejects(node().restoreFrom(place()), /not enough room for .*: \d+ MiB needed, \d MiB free/);
    assert.deepEqual(readdirSync(directory()), ['snapshot.tar']);
  });
});
