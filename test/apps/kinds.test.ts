import assert from 'node:assert/strict';
import { assertRides, createBoth, install, serve } from './harness.js';

/** At the least; each is named by `programs/zoo.py`. */
const TURNS_MIN = 5;

describe('a program that holds one of each kind', () => {
  it('has all of them after each move', async () => {
    const address = await createBoth();
    await install('zoo.py');
    await serve('zoo', 'python3 /srv/zoo.py', 'nc -z 127.0.0.1 8004');
    const [{ ops }] = await assertRides(address, ['zoo-clients.py']);
    assert.ok((ops['watcher'] ?? 0) >= TURNS_MIN);
  });
});
