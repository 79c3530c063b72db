import assert from 'node:assert/strict';
import fc from 'fast-check';
import { hookScript } from '../../../src/overlay/hook.js';
import { forwardChanges, routeChanges, wantedRoutes } from '../../../src/overlay/wanted.js';
import type { Route } from '../../../src/tools/ip.js';

const peers = fc.array(
  fc.record({
    address: fc.constantFrom('10.100.1.1', '10.100.1.2', '10.100.1.3'),
    via: fc.constantFrom('172.30.0.12', '172.30.0.13'),
  }),
  { maxLength: 4 },
);

/** What `ip -batch` would make of the commands; complains like the kernel does. */
function apply(routes: readonly Route[], commands: readonly string[]): Route[] {
  const table = new Map(routes.map((route) => [`${route.destination} metric ${route.metric}`, route]));
  for (const command of commands) {
    const [, verb, destination = '', , metric = '', , via, , source] = command.split(' ');
    const key = `${destination} metric ${metric}`;
    if (verb === 'replace')
      table.set(key, { destination, via, device: 'eth0', source, metric: Number(metric), mtu: undefined });
    else assert.ok(table.delete(key), `no such route: ${command}`);
  }
  return [...table.values()];
}

describe('the wanted network', () => {
  it('comes about from any other, and then nothing is left to do', () => {
    fc.assert(
      fc.property(peers, peers, (before, after) => {
        const actual = apply([], routeChanges(wantedRoutes(before, '10.100.0.1'), [], 199));
        const wanted = wantedRoutes(after, '10.100.0.1');
        const result = apply(actual, routeChanges(wanted, actual, 199));
        assert.deepEqual(routeChanges(wanted, result, 199), []);
        assert.equal(result.length, wanted.length);
      }),
    );
  });

  // A cnvm's own link brings a route of metric 0. A late word of where it was must not replace that one.
  it('a route that moves is replaced, never absent, and never one of another metric', () => {
    const actual: Route[] = [
      {
        destination: '10.100.1.1',
        via: '172.30.0.12',
        device: 'eth0',
        source: '10.100.0.1',
        metric: 100,
        mtu: undefined,
      },
    ];
    const changes = routeChanges(
      wantedRoutes([{ address: '10.100.1.1', via: '172.30.0.13' }], '10.100.0.1'),
      actual,
      199,
    );
    assert.deepEqual(changes, ['route replace 10.100.1.1 metric 100 via 172.30.0.13 src 10.100.0.1 proto 199']);
  });

  it('a route of an older daemon, of another metric, is taken away by its own name', () => {
    const actual: Route[] = [
      {
        destination: '10.100.1.1',
        via: '172.30.0.13',
        device: 'eth0',
        source: '10.100.0.1',
        metric: 0,
        mtu: undefined,
      },
    ];
    const changes = routeChanges(
      wantedRoutes([{ address: '10.100.1.1', via: '172.30.0.13' }], '10.100.0.1'),
      actual,
      199,
    );
    assert.equal(changes.at(-1), 'route delete 10.100.1.1 metric 0 proto 199');
  });

  it('a way through the tunnel names its link, and its size where the peer takes less', () => {
    const peers = [
      { address: '10.100.1.1', device: 'wgcnvm', mtu: 1300 },
      { address: '10.100.1.2', device: 'wgcnvm' },
    ];
    const source = '10.100.0.1';
    const changes = routeChanges(wantedRoutes(peers, source), [], 199);
    assert.deepEqual(changes, [
      'route replace 10.100.1.1 metric 100 dev wgcnvm mtu 1300 src 10.100.0.1 proto 199',
      'route replace 10.100.1.2 metric 100 dev wgcnvm src 10.100.0.1 proto 199',
    ]);
    const actual: Route[] = peers.map(({ address, mtu }) => ({
      ...{ destination: address, via: undefined, device: 'wgcnvm', source, metric: 100, mtu },
    }));
    assert.deepEqual(routeChanges(wantedRoutes(peers, source), actual, 199), []);
    const plain = wantedRoutes([{ address: '10.100.1.1', via: '172.30.0.12' }], source);
    assert.equal(routeChanges(plain, actual, 199).length, 2);
  });

  it('what has left is passed on for as long as that is wanted', () => {
    const way = { device: 'fwcnvm', table: 199, source: '10.100.0.1' };
    const forward = { address: '10.100.1.1', to: '10.100.0.2' };
    assert.deepEqual(forwardChanges([forward], [], way), [
      'route replace 10.100.1.1/32 encap ip id 199 dst 10.100.0.2 src 10.100.0.1 dev fwcnvm table 199',
    ]);
    assert.deepEqual(forwardChanges([], [forward], way), ['route delete 10.100.1.1/32 table 199']);
    // It has gone on to a third node.
    assert.deepEqual(forwardChanges([{ ...forward, to: '10.100.0.3' }], [forward], way).length, 1);
  });

  it('the hook names the address and the size that it is for', () => {
    const script = hookScript({
      address: '10.100.101.111',
      gatewaySource: '10.100.0.1',
      link: 'cn0a64656f',
      hardware: '02:c7:0a:64:65:6f',
      mtu: 1384,
    });
    assert.match(script, /route replace 10.100.101.111\/32 dev cn0a64656f src 10.100.0.1/);
    assert.match(script, /link add cn0a64656f mtu 1384 .* peer name eth0 mtu 1384 /);
    // Else no rule would hold for it.
    assert.match(script, /link set cn0a64656f group 199\nlink set cn0a64656f up/);
  });
});
