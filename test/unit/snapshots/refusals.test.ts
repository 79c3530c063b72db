import assert from 'node:assert/strict';
import type { Manifest } from '../../../src/snapshots/manifest.js';
import { epochAfter, placeRefusals, type RestoreQuestion, restoreRefusals } from '../../../src/snapshots/refusals.js';
import { facts, record } from '../../support/samples.js';

const MIB = 1024 * 1024;
const { name, version, criuVersion, runcVersion, kernelRelease, architecture, cpuFlags } = facts('node1');
const manifest: Manifest = {
  createTime: '2026-01-01T00:00:00.000Z',
  record,
  node: { name, version, criuVersion, runcVersion, kernelRelease, architecture, cpuFlags: [...cpuFlags] },
  memory: true,
  memoryBytes: 8 * MIB,
  files: [{ path: 'disk.tar', bytes: 64 * MIB, sha256: '0'.repeat(64) }],
};
const NOBODY = { names: new Map<string, string>(), addresses: new Map<string, string>() };

function ask(change: Partial<RestoreQuestion> = {}): string[] {
  return restoreRefusals({
    ...{ node: 'node2', manifest, record: { ...record, owner: 'node2', epoch: 4 }, hot: true, force: false },
    ...{ owner: undefined, target: facts('node2'), overlayNetwork: '10.100.0.0/16', taken: NOBODY, busy: undefined },
    ...{ imageHere: true, portsTaken: [] },
    ...change,
  });
}
const owner = (state: 'alive' | 'suspect' | 'dead' | 'left' | undefined, node = 'node1') => ({ node, epoch: 3, state });

describe('a place for a snapshot', () => {
  const place = { directory: '/srv/one', exists: false, parentExists: true, availableBytes: 100 * MIB };
  const TABLE: readonly (readonly [Partial<typeof place>, RegExp | undefined])[] = [
    [{}, undefined],
    [{ directory: 'srv/one' }, /"srv\/one" is no absolute path/],
    [{ exists: true }, /\/srv\/one exists/],
    [{ parentExists: false }, /the directory above it is not there/],
    [{ availableBytes: 90 * MIB }, /not enough room for \/srv\/one: 96 MiB needed, 90 MiB free/],
  ];
  for (const [change, expected] of TABLE) {
    it(`with ${JSON.stringify(change)}`, () => {
      const found = placeRefusals({ ...place, ...change }, 80 * MIB);
      if (expected === undefined) assert.deepEqual(found, []);
      else assert.match(found.join(), expected);
      assert.ok(found.length <= 1);
    });
  }
});

describe('a snapshot that is to become a cnvm', () => {
  it('does, where nobody has one of its name', () => assert.deepEqual(ask(), []));

  const OWNERS = [
    [owner('alive'), false, /node1 has the cnvm sneaker01.*: remove it there first, or restore by another --name/],
    [owner('alive'), true, /node1 has the cnvm/],
    [owner('suspect'), true, /node1 has the cnvm/],
    // It may be the other side of a split, never met by this daemon.
    [owner(undefined), true, /node1 has the cnvm/],
    [owner('dead'), false, /held for dead: with --force/],
    [owner('dead'), true, undefined],
    [owner('left'), false, undefined],
    [owner('alive', 'node2'), true, /there is a cnvm sneaker01.* on node2: remove it first/],
  ] as const;
  for (const [one, force, expected] of OWNERS) {
    it(`of one that ${one.node}, ${one.state ?? 'never met'}, has, ${force ? 'by force' : 'as it is'}`, () => {
      const found = ask({ owner: one, force, taken: { ...NOBODY, names: new Map([[record.name, one.node]]) } });
      if (expected === undefined) assert.deepEqual(found, []);
      else assert.match(found.join(), expected);
    });
  }

  it('says all that speaks against it at once', () => {
    const taken = { ...NOBODY, addresses: new Map([[record.address, 'other on node3']]) };
    const target = facts('node2', { criuVersion: '4.1.1', landingZones: [{ path: '/elsewhere', availableBytes: 1 }] });
    const found = ask({ taken, target, imageHere: false, portsTaken: ['the port 80/tcp of node2 leads to other'] });
    const EXPECTED = [/image base .* is not on node2/, /address 10.100.101.111 is taken by other/, /port 80\/tcp/];
    for (const one of [...EXPECTED, /criu differs: node1 has 4.2.1, node2 4.1.1/, /not in a landing zone/])
      assert.ok(
        found.some((reason) => one.test(reason)),
        `${one} in ${found.join('; ')}`,
      );
  });

  it('from its disk, on whatever criu and kernel', () => {
    const target = facts('node2', { criuVersion: '4.1.1', kernelRelease: '5.10.0', cpuFlags: [] });
    assert.equal(ask({ target }).length, 3);
    assert.deepEqual(ask({ target, hot: false }), []);
  });

  it('wins over every epoch that is known', () => {
    assert.equal(epochAfter(3, undefined), 4);
    assert.equal(epochAfter(3, owner('dead')), 4);
    assert.equal(epochAfter(3, { epoch: 9 }), 10);
    assert.equal(epochAfter(0, undefined), 1);
  });
});
