import assert from 'node:assert/strict';
import {
  hostsFile,
  moves,
  peerRoutes,
  toMemory,
  tunnelPeers,
  type World,
  wantedForwards,
  withMemory,
} from '../../../src/overlay/world.js';

const KEY = `${'A'.repeat(43)}=`;
const card = { key: KEY, nextKey: '', port: 7443, mtu: 1384 };
const plain = { key: '', nextKey: '', port: 0, mtu: 0 };
const HOSTS = new Map([
  ['host2', '172.30.0.12'],
  ['host3', 'fd00::3'],
]);
const cnvm = (node: string) => ({ name: 'one.example', address: '10.100.1.1', node });

function world(owner: string, change: Partial<World['peers'][number]> = {}): World {
  return {
    peers: [
      { name: 'node2', address: '10.100.0.2', host: 'host2', card, ...change },
      { name: 'node3', address: '10.100.0.3', host: 'host3', card },
    ],
    cnvms: [cnvm(owner)],
  };
}

describe('the overlay\u2019s world', () => {
  it('knows who came and who left, and nothing of the sort at first', () => {
    assert.deepEqual(moves(undefined, world('node1'), 'node1'), { came: [], left: [] });
    assert.deepEqual(moves(world('node1'), world('node2'), 'node1'), { came: [], left: ['10.100.1.1'] });
    assert.deepEqual(moves(world('node2'), world('node1'), 'node1'), { came: ['10.100.1.1'], left: [] });
    assert.deepEqual(moves(world('node2'), world('node3'), 'node1'), { came: [], left: [] });
    assert.deepEqual(moves({ ...world('node1'), cnvms: [] }, world('node1'), 'node1'), { came: [], left: [] });
  });

  it('what has left is passed on to where it is now, and not when it is here again', () => {
    const left = ['10.100.1.1'];
    assert.deepEqual(wantedForwards(world('node3'), left), [{ address: '10.100.1.1', to: '10.100.0.3' }]);
    assert.deepEqual(wantedForwards(world('node1'), left), []);
  });

  it('allows a peer its own address and those of its cnvms', () => {
    const peers = tunnelPeers(world('node2'), HOSTS);
    assert.deepEqual(
      peers.map(({ endpoint, addresses }) => [endpoint, addresses]),
      [
        ['172.30.0.12:7443', ['10.100.0.2', '10.100.1.1']],
        ['[fd00::3]:7443', ['10.100.0.3']],
      ],
    );
  });

  it('has no way to a peer that does not agree on encryption, in either direction', () => {
    const tunnel = { device: 'wgcnvm', mtu: 1384 };
    const ways = (of: World, through: typeof tunnel | undefined) =>
      peerRoutes(of, HOSTS, through).map(({ address }) => address);
    assert.deepEqual(ways(world('node2', { card: plain }), tunnel), ['10.100.0.3']);
    assert.deepEqual(ways(world('node2', { card: plain }), undefined), ['10.100.0.2', '10.100.1.1']);
    assert.deepEqual(ways(world('node2', { card: undefined }), tunnel), ['10.100.0.3']);
    assert.deepEqual(ways(world('node1'), undefined), []);
  });

  it('sends a peer no more at once than it takes', () => {
    const tunnel = { device: 'wgcnvm', mtu: 1384 };
    const routes = peerRoutes(world('node2', { card: { ...card, mtu: 1300 } }), HOSTS, tunnel);
    assert.deepEqual(
      routes.map(({ address, mtu }) => [address, mtu]),
      [
        ['10.100.0.2', 1300],
        ['10.100.0.3', undefined],
        ['10.100.1.1', 1300],
      ],
    );
  });

  it('remembers a peer that was not heard yet, and believes who was heard', () => {
    const memory = toMemory(world('node2'));
    const silent: World = { peers: world('node2', { card: undefined }).peers, cnvms: [] };
    assert.deepEqual(withMemory(silent, memory), world('node2'));
    const taken = withMemory({ ...silent, cnvms: [cnvm('node3')] }, memory);
    assert.deepEqual(taken.cnvms, [cnvm('node3')]);
    // One that was heard has what it says, and no more.
    assert.deepEqual(withMemory({ ...world('node2'), cnvms: [] }, memory).cnvms, []);
  });

  it('names each cnvm, and by its first part where that is one cnvm\u2019s alone', () => {
    const of = (name: string, address: string) => ({ name, address, node: 'node1' });
    const file = hostsFile([
      of('web.b.example', '10.100.1.2'),
      of('web.a.example', '10.100.1.1'),
      of('db.a.example', '10.100.1.3'),
      of('mail', '10.100.1.4'),
      of('mail.a.example', '10.100.1.5'),
    ]);
    assert.equal(
      file,
      `10.100.1.1 web.a.example
10.100.1.2 web.b.example
10.100.1.3 db.a.example db
10.100.1.4 mail
10.100.1.5 mail.a.example
`,
    );
  });
});
