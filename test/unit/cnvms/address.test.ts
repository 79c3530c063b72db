import assert from 'node:assert/strict';
import fc from 'fast-check';
import {
  addressRefusal,
  hardwareAddress,
  hostNumber,
  linkName,
  nextAddress,
  UID_COUNT,
  uidBase,
} from '../../../src/cnvms/address.js';
import { runs } from '../../support/fuzz.js';

const NETWORK = '10.100.0.0/16';
const anyAddress = fc.integer({ min: 256, max: 65_534 }).map((host) => `10.100.${host >> 8}.${host & 255}`);

describe('addresses', () => {
  it('knows what lies in the overlay', () => {
    assert.equal(hostNumber('10.100.101.111', NETWORK), 101 * 256 + 111);
    for (const wrong of ['10.101.0.1', '10.100.1', '10.100.1.256', '10.100.1.', '10.100.1.0x7', '10.100.1.07', 'x', ''])
      assert.equal(hostNumber(wrong, NETWORK), undefined);
  });

  it('refuses what is not a cnvm address, with the reason', () => {
    assert.equal(addressRefusal('10.100.101.111', NETWORK), undefined);
    assert.match(addressRefusal('192.168.0.1', NETWORK) ?? '', /not in the overlay/);
    assert.match(addressRefusal('10.100.0.7', NETWORK) ?? '', /nodes' own part/);
    assert.match(addressRefusal('10.100.255.255', NETWORK) ?? '', /broadcast/);
  });

  it('gives the first cnvm .101.111, then the next free one', () => {
    assert.equal(nextAddress(NETWORK, new Set()), '10.100.101.111');
    assert.equal(nextAddress(NETWORK, new Set(['10.100.101.111', '10.100.101.112'])), '10.100.101.113');
  });

  it('gives out every address once, and then none', () => {
    const taken = new Set<string>();
    for (let host = 256; host < 65_535; host += 1) taken.add(`10.100.${host >> 8}.${host & 255}`);
    taken.delete('10.100.1.0');
    assert.equal(nextAddress(NETWORK, taken), '10.100.1.0');
    taken.add('10.100.1.0');
    assert.equal(nextAddress(NETWORK, taken), undefined);
  });

  it('no two addresses share a uid, a link or a hardware address', () => {
    fc.assert(
      fc.property(anyAddress, anyAddress, (one, other) => {
        fc.pre(one !== other);
        assert.ok(Math.abs(uidBase(one) - uidBase(other)) >= UID_COUNT);
        assert.ok(uidBase(one) >= 256 * UID_COUNT, 'the range reaches into the users of the node');
        assert.ok(uidBase(one) + UID_COUNT <= 2 ** 32);
        assert.notEqual(linkName(one), linkName(other));
        assert.notEqual(hardwareAddress(one), hardwareAddress(other));
      }),
    );
  });

  it('names links within the kernel limit of 15', () => {
    assert.equal(linkName('10.100.101.111'), 'cn0a64656f');
    assert.match(hardwareAddress('10.100.101.111'), /^02(:[0-9a-f]{2}){5}$/);
  });

  it('each is written in one way alone', () => {
    const part = fc.oneof(fc.nat(300).map(String), fc.constantFrom('', ' 7', '7\n', '0x7', '07', '7e0', '-0', '7.'));
    const text = fc.oneof(
      fc.string(),
      fc.tuple(part, part).map(([third, last]) => `10.100.${third}.${last}`),
    );
    fc.assert(
      fc.property(text, (address) => {
        const host = hostNumber(address, NETWORK);
        assert.ok(host === undefined || address === `10.100.${host >> 8}.${host & 255}`, `${host}`);
      }),
      runs(500),
    );
  });
});
