import assert from 'node:assert/strict';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openKeys } from '../../../src/overlay/keys.js';
import { isKey } from '../../../src/overlay/tunnel.js';
import { temporary } from '../../support/temporary.js';

describe('the keys of the tunnel', () => {
  const directory = temporary();
  const at = (name: string) => join(directory(), name);

  it('are made once, for root alone, and the public one follows from the private one as `wg pubkey` has it', async () => {
    const keys = await openKeys(at('overlay'));
    assert.ok(isKey(keys.key));
    assert.equal(statSync(keys.file).mode & 0o777, 0o600);
    assert.equal(statSync(at('overlay')).mode & 0o777, 0o700);
    assert.equal((await openKeys(at('overlay'))).key, keys.key);
    assert.notEqual(readFileSync(keys.file, 'utf8').trim(), keys.key);
    // A pair that `wg genkey` and `wg pubkey` have made.
    writeFileSync(keys.file, 'KGM0CHek/b9YQToUAUly1cL7SiADFEC4TKN+6pP9nFw=\n');
    assert.equal((await openKeys(at('overlay'))).key, 'waXo1zfYtsrrZfLylYThCk5IuiqOOuMqpc1gKSpO1CI=');
  });

  it('change in two steps, and a daemon that dies between them goes on with the same next one', async () => {
    const keys = await openKeys(at('twice'));
    const before = keys.key;
    await keys.prepare();
    const next = keys.nextKey;
    assert.ok(isKey(next));
    assert.equal(keys.key, before);
    const again = await openKeys(at('twice'));
    await again.prepare();
    assert.deepEqual([again.key, again.nextKey], [before, next]);
    assert.equal(statSync(at('twice/next.key')).mode & 0o777, 0o600);
    again.change();
    assert.deepEqual([again.key, again.nextKey], [next, '']);
    again.change();
    assert.equal((await openKeys(at('twice'))).key, next);
  });

  it('a file that holds none is said so, and its content is not', async () => {
    await openKeys(at('bad'));
    writeFileSync(at('bad/private.key'), 'c2hvcnQ=\n');
    await assert.rejects(openKeys(at('bad')), (error: Error) => {
      assert.match(error.message, /holds no WireGuard key/);
      assert.doesNotMatch(error.message, /c2hvcnQ/);
      return true;
    });
  });
});
