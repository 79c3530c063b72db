import assert from 'node:assert/strict';
import { assertRides, createBoth, serve, serverRuns } from './harness.js';

describe('caches', () => {
  it('redis with its log, and memcached: every counter, and every message that is published', async () => {
    const address = await createBoth();
    const redis = 'redis-server --bind 0.0.0.0 --protected-mode no --appendonly yes --dir /var/lib/redis';
    await serve('redis', redis, 'redis-cli ping | grep PONG');
    await serve('memcached', 'memcached -u memcache -l 0.0.0.0', 'nc -z 127.0.0.1 11211');
    const [{ ops }] = await assertRides(address, ['redis-clients.py'], ['memcached-clients.py']);
    // What its log holds is what the clients were told.
    await serverRuns('redis-cli shutdown || true; sleep 1; redis-check-aof /var/lib/redis/appendonlydir/*.incr.aof');
    await serve('redis', redis, 'redis-cli ping | grep PONG');
    const counters = Object.entries(ops).filter(([name]) => name.startsWith('counter'));
    const found = await serverRuns(`redis-cli mget ${counters.map(([name]) => name).join(' ')}`);
    assert.deepEqual(
      found.trim().split('\n').map(Number),
      counters.map(([, count]) => count),
    );
  });
});
