import assert from 'node:assert/strict';
import fc from 'fast-check';
import {
  type HasPeers,
  isKey,
  mtusOf,
  type TunnelPeer,
  tunnelChange,
  wantedPeers,
} from '../../../src/overlay/tunnel.js';

const keyOf = (letter: string) => `${letter.repeat(43)}=`;
const [A, B, C] = [keyOf('A'), keyOf('Q'), keyOf('g')];
const NODES = [A, B, C];
const ADDRESSES = ['10.100.1.1', '10.100.1.2', '10.100.1.3', '10.100.1.4'];

const peer = (key: string, addresses: readonly string[], nextKey = ''): TunnelPeer => ({
  card: { key, nextKey, port: 7443, mtu: 1384 },
  endpoint: '172.30.0.12:7443',
  addresses,
});

/** Each address is one node's: whose, says the number at its place. */
const mesh = fc
  .tuple(fc.subarray(NODES), fc.array(fc.nat(2), { minLength: ADDRESSES.length, maxLength: ADDRESSES.length }))
  .map(([nodes, owners]) =>
    nodes.map((key) =>
      peer(
        key,
        ADDRESSES.filter((_, index) => NODES[owners[index] ?? 0] === key),
      ),
    ),
  );

/** What `wg` and the kernel make of it. At every step, nobody has lost an address that he keeps. */
function apply(has: HasPeers, wanted: ReturnType<typeof wantedPeers>, told = new Map<string, string>()): HasPeers {
  const peers = new Map([...has].map(([key, addresses]) => [key, [...addresses]]));
  const change = tunnelChange(wanted, has, told, 25);
  const kept = wanted.flatMap(({ key, allowed }) =>
    allowed.filter((one) => has.get(key)?.includes(one)).map((one) => [key, one] as const),
  );
  const stillThere = () => {
    for (const [key, address] of kept) assert.ok(peers.get(key)?.includes(address), `${address} was taken from ${key}`);
  };
  for (const section of change.add.split('[Peer]\n').slice(1)) {
    const value = (name: string) => new RegExp(`^${name} = (.*)$`, 'm').exec(section)?.[1];
    const key = value('PublicKey') ?? '';
    const all = (value('AllowedIPs') ?? '').split(', ').filter((one) => one !== '');
    const more = all.map((one) => one.replace('/32', ''));
    // An address belongs to one peer alone: who gets it takes it.
    for (const [other, addresses] of peers)
      peers.set(
        other,
        addresses.filter((one) => !more.includes(one)),
      );
    peers.set(key, all.length > 0 ? more : (peers.get(key) ?? []));
    stillThere();
  }
  for (const [, key = '', verb, list = ''] of change.set) {
    assert.ok(peers.has(key), `there is no peer ${key}`);
    if (verb === 'remove') peers.delete(key);
    else peers.set(key, list === '' ? [] : list.split(','));
    stillThere();
  }
  return peers;
}

describe('the tunnel', () => {
  it('comes about from any other, and then nothing is left to do', () => {
    fc.assert(
      fc.property(mesh, mesh, (before, after) => {
        const first = apply(new Map(), wantedPeers(before));
        const wanted = wantedPeers(after);
        const result = apply(first, wanted);
        assert.deepEqual(
          [...result].map(([key, addresses]) => [key, [...addresses].sort()]).sort(),
          wanted.map(({ key, allowed }) => [key, allowed]).sort(),
        );
        const told = new Map(wanted.map(({ key, endpoint }) => [key, endpoint]));
        assert.deepEqual(tunnelChange(wanted, result, told, 25), { add: '', set: [] });
      }),
    );
  });

  it('a cnvm that moves is added to its new owner, and taken from nobody', () => {
    const has = new Map([
      [A, ['10.100.0.1', '10.100.1.1']],
      [B, ['10.100.0.2']],
    ]);
    const wanted = wantedPeers([peer(A, ['10.100.0.1']), peer(B, ['10.100.0.2', '10.100.1.1'])]);
    const told = new Map(wanted.map(({ key, endpoint }) => [key, endpoint]));
    assert.deepEqual(tunnelChange(wanted, has, told, 25), {
      add: `[Peer]\nPublicKey = ${B}\nAllowedIPs = 10.100.0.2/32, 10.100.1.1/32\n`,
      set: [],
    });
  });

  it('an endpoint is given once: WireGuard may have learned a better one', () => {
    const wanted = wantedPeers([peer(A, ['10.100.0.1'])]);
    const has = new Map([[A, ['10.100.0.1']]]);
    const told = new Map([[A, '172.30.0.12:7443']]);
    assert.equal(tunnelChange(wanted, has, told, 25).add, '');
    const elsewhere = tunnelChange(wanted, has, new Map([[A, '172.30.0.99:7443']]), 25);
    assert.match(
      elsewhere.add,
      /Endpoint = 172.30.0.12:7443\nPersistentKeepalive = 25\nAllowedIPs = 10.100.0.1\/32\n$/,
    );
  });

  it('a key that is next is known before it is used, and has nothing yet', () => {
    const addresses = ['10.100.0.1', '10.100.1.1'];
    const prepared = apply(new Map([[A, addresses]]), wantedPeers([peer(A, addresses, B)]));
    assert.deepEqual(
      [...prepared],
      [
        [A, addresses],
        [B, []],
      ],
    );
    const changed = apply(prepared, wantedPeers([peer(B, addresses)]));
    assert.deepEqual([...changed], [[B, addresses]]);
  });

  it('takes no key for one that is none: it becomes a line of a config', () => {
    assert.ok(isKey('yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk='));
    for (const text of ['', 'A'.repeat(44), `${'A'.repeat(42)}B=`, `${A}\nAllowedIPs = 0.0.0.0/0`, ` ${A}`])
      assert.ok(!isKey(text), text);
    assert.deepEqual(wantedPeers([peer('nonsense', ['10.100.0.1'])]), []);
  });

  it('what a cnvm sends fits, even when it is passed on: 36 bytes around it, and 80 around those', () => {
    assert.deepEqual(mtusOf(1500, true), { tunnel: 1420, cnvm: 1384 });
    assert.deepEqual(mtusOf(9000, true), { tunnel: 8920, cnvm: 8884 });
    assert.deepEqual(mtusOf(1500, false), { tunnel: 1500, cnvm: 1500 });
  });
});
