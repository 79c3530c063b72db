import assert from 'node:assert/strict';
import fc from 'fast-check';
import { hookScript } from '../../../src/overlay/hook.js';
import { baseRules } from '../../../src/overlay/rules.js';
import { routeChanges, wantedRoutes } from '../../../src/overlay/wanted.js';
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
    if (verb === 'replace') table.set(key, { destination, via, device: 'eth0', source, metric: Number(metric) });
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
      { destination: '10.100.1.1', via: '172.30.0.12', device: 'eth0', source: '10.100.0.1', metric: 100 },
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
      { destination: '10.100.1.1', via: '172.30.0.13', device: 'eth0', source: '10.100.0.1', metric: 0 },
    ];
    const changes = routeChanges(
      wantedRoutes([{ address: '10.100.1.1', via: '172.30.0.13' }], '10.100.0.1'),
      actual,
      199,
    );
    assert.equal(changes.at(-1), 'route delete 10.100.1.1 metric 0 proto 199');
  });

  it('the hook and the rules name the addresses they are for', () => {
    const script = hookScript({
      address: '10.100.101.111',
      gatewaySource: '10.100.0.1',
      link: 'cn0a64656f',
      hardware: '02:c7:0a:64:65:6f',
    });
    assert.match(script, /route replace 10.100.101.111\/32 dev cn0a64656f src 10.100.0.1/);
    assert.match(baseRules('10.100.0.0/16'), /ip saddr 10.100.0.0\/16 ip daddr != 10.100.0.0\/16 masquerade/);
  });
});
