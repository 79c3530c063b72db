import assert from 'node:assert/strict';
import { assertRides, createBoth, serve, serverRuns } from './harness.js';

describe('caches', () => {
  it('redis with its log: every counter, and every message that is published', async () => {
    const address = await createBoth();
    const command = 'redis-server --bind 0.0.0.0 --protected-mode no --appendonly yes --dir /var/lib/redis';
    await serve('redis', command, 'redis-cli ping | grep PONG');
    const { ops } = await assertRides('redis-clients.py', address);
    // What its log holds is what the clients were told.
    await serverRuns('redis-cli shutdown || true; sleep 1; redis-check-aof /var/lib/redis/appendonlydir/*.incr.aof');
    await serve('redis', command, 'redis-cli ping | grep PONG');
    for (const [name, count] of Object.entries(ops).filter(([one]) => one.startsWith('counter')))
      assert.equal((await serverRuns(`redis-cli get ${name}`)).trim(), String(count));
  });
});
