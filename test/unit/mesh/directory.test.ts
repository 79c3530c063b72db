import assert from 'node:assert/strict';
import fc from 'fast-check';
import { conflicts, type Holding, holdingsRefusal, owners } from '../../../src/mesh/directory.js';
import { findPeer, hostOf } from '../../../src/mesh/find-peer.js';
import { criuTooOld, olderThan } from '../../../src/mesh/versions.js';
import { runs } from '../../support/fuzz.js';

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

describe('the word of a node', () => {
  const NETWORK = '10.100.0.0/16';
  const sound = { name: 'a', address: '10.100.1.1', epoch: 1, state: 'running', image: 'base@sha256:aa' };

  it('is taken when it makes sense', () => {
    assert.equal(holdingsRefusal([sound, { ...sound, name: 'b', address: '10.100.1.2' }], NETWORK), undefined);
  });
  for (const [what, others] of [
    ['names that are none', [{ ...sound, name: 'a b' }]],
    ['addresses outside the overlay', [{ ...sound, address: '0.0.0.0' }]],
    ['addresses of nodes', [{ ...sound, address: '10.100.0.2' }]],
    ['networks', [{ ...sound, address: '10.100.1.0/24' }]],
    ['more than an address', [{ ...sound, address: '10.100.1.1\nroute flush table main' }]],
    ['states that there are not', [{ ...sound, state: 'dancing' }]],
    ['long words', [{ ...sound, image: 'x'.repeat(1_000) }]],
    ['a name twice', [sound, { ...sound, address: '10.100.1.2' }]],
    ['an address twice', [sound, { ...sound, name: 'b' }]],
  ] as const) {
    it(`is not when it has ${what}`, () => assert.notEqual(holdingsRefusal(others, NETWORK), undefined));
  }
  it('leaves nothing in an address that another program could take for more than one', () => {
    const part = fc.constantFrom('1', '0', '255', '256', '\n', ' ', '/8', '', 'dev lo', '1\n');
    fc.assert(
      fc.property(fc.array(part, { minLength: 2, maxLength: 4 }), (parts) => {
        const address = `10.100.${parts.join('.')}`;
        if (holdingsRefusal([{ ...sound, address }], NETWORK) === undefined) assert.doesNotMatch(address, /[^0-9.]/);
      }),
      runs(500),
    );
  });
});
