import assert from 'node:assert/strict';
import fc from 'fast-check';
import { conflicts, type Holding, owners } from '../../../src/mesh/directory.js';
import { findPeer, hostOf } from '../../../src/mesh/find-peer.js';
import { criuTooOld, olderThan } from '../../../src/mesh/versions.js';

const holding = (name: string, epoch: number): Holding => ({
  name,
  address: '10.100.1.1',
  epoch,
  state: 'running',
  image: 'base@sha256:aa',
});

describe('who owns what', () => {
  it('the highest epoch wins, in whatever order it was heard', () => {
    const said: [string, Holding[]][] = [
      ['node1', [holding('a', 3)]],
      ['node2', [holding('a', 4)]],
      ['node3', [holding('a', 2)]],
    ];
    fc.assert(
      fc.property(fc.shuffledSubarray(said, { minLength: 3 }), (order) => {
        assert.equal(owners(new Map(order)).get('a')?.node, 'node2');
      }),
    );
  });

  it('two claims at one epoch are a conflict, and every node picks the same', () => {
    const heard = new Map([
      ['node2', [holding('a', 4)]],
      ['node1', [holding('a', 4), holding('b', 1)]],
    ]);
    assert.deepEqual(conflicts(heard), [{ name: 'a', epoch: 4, nodes: ['node1', 'node2'] }]);
    assert.equal(owners(heard).get('a')?.node, 'node1');
  });
});

describe('which peer is meant', () => {
  const peers = [
    { name: 'node2', endpoint: '172.30.0.12:7443', overlayAddress: '10.100.0.2' },
    { name: 'node3', endpoint: '[fe80::3]:7443', overlayAddress: '10.100.0.3' },
  ];
  it('by name, overlay address, host or endpoint', () => {
    for (const target of ['node2', 'NODE2', '10.100.0.2', '172.30.0.12', '172.30.0.12:7443']) {
      assert.equal(findPeer(target, peers)?.name, 'node2', target);
    }
    assert.equal(findPeer('fe80::3', peers)?.name, 'node3');
    assert.equal(findPeer('node4', peers), undefined);
    assert.equal(hostOf('[fe80::3]:7443'), 'fe80::3');
  });
});

describe('versions', () => {
  it('compare by number', () => {
    for (const [one, other] of [
      ['4.1.1', '4.2'],
      ['6.9', '6.16'],
      ['2.38.1', '2.39'],
      ['1', '1.0.1'],
    ] as const) {
      assert.ok(olderThan(one, other), `${one} < ${other}`);
      assert.ok(!olderThan(other, one));
    }
    assert.ok(!olderThan('4.2', '4.2.0'));
  });
  it('criu 4.1 is too old from Linux 6.16 on', () => {
    assert.ok(criuTooOld('4.1.1', '6.18.44-x'));
    assert.ok(!criuTooOld('4.1.1', '6.12.9'));
    assert.ok(!criuTooOld('4.2.1', '6.18.44'));
  });
});
