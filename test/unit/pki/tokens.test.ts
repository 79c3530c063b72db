import assert from 'node:assert/strict';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { CnvmError } from '../../../src/base/errors.js';
import { type JoinToken, parseToken, tokenText } from '../../../src/pki/join-token.js';
import { checkToken, countOpen, openToken, useToken } from '../../../src/pki/token-store.js';
import { runs } from '../../support/fuzz.js';
import { temporary } from '../../support/temporary.js';

const hex = (length: number) =>
  fc.string({ unit: fc.constantFrom(...'0123456789abcdef'), minLength: length, maxLength: length });
const token: fc.Arbitrary<JoinToken> = fc.record({
  id: hex(16),
  secret: hex(64),
  fingerprint: hex(64),
  address: fc.constantFrom('node1:7444', '192.0.2.1:1', '[2001:db8::1]:7444', 'a.b-c.example:65535'),
});

describe('a join token', () => {
  it('says all that it has to, on one line', () => {
    fc.assert(
      fc.property(token, (one) => {
        assert.doesNotMatch(tokenText(one), /\s/);
        assert.deepEqual(parseToken(`${tokenText(one)}\n`), { ...one });
      }),
      runs(100),
    );
  });

  it('of anything else is refused, and its words are not repeated', () => {
    const spoilt = fc.tuple(token, fc.nat(200), fc.string({ minLength: 1 })).map(([one, at, more]) => {
      const text = tokenText(one);
      return `${text.slice(0, at)}${more}!${text.slice(at)}`;
    });
    fc.assert(
      fc.property(fc.oneof(spoilt, fc.string({ unit: 'binary' }), fc.constant('x'.repeat(1_000_000))), (text) => {
        try {
          parseToken(text);
          assert.fail('it is taken');
        } catch (error) {
          assert.ok(error instanceof CnvmError);
          assert.equal(error.message, 'that is no join token');
        }
      }),
      runs(300),
    );
  });
});

describe('the store of join tokens', () => {
  const directory = temporary();
  const HOUR_MS = 3_600_000;
  const open = (node?: string, ttlMs = HOUR_MS) => openToken(directory(), { node, ttlMs });

  it('knows a token by its secret, which it does not keep', async () => {
    const { id, secret } = await open('node4');
    assert.equal((await checkToken(directory(), id, secret, Date.now())).node, 'node4');
    const [name = ''] = readdirSync(join(directory(), 'tokens'));
    const text = readFileSync(join(directory(), 'tokens', name), 'utf8');
    assert.ok(!text.includes(secret) && !name.includes(secret));
    assert.equal(statSync(join(directory(), 'tokens', name)).mode & 0o777, 0o600);
    assert.equal(statSync(join(directory(), 'tokens')).mode & 0o777, 0o700);
  });

  it('refuses another secret, another id, and what has expired, in the same words', async () => {
    const { id, secret } = await open();
    const other = await open();
    const refusals = [
      [id, other.secret, Date.now()],
      ['0'.repeat(16), secret, Date.now()],
      ['../../etc/passwd', secret, Date.now()],
      [id, secret, Date.now() + HOUR_MS + 1],
      [id, '', Date.now()],
    ] as const;
    for (const [one, word, now] of refusals)
      await assert.rejects(checkToken(directory(), one, word, now), /is unknown, used or expired/);
  });

  it('lets exactly one of many use a token', async () => {
    const { id, secret } = await open();
    const ended = await Promise.allSettled(Array.from({ length: 20 }, () => useToken(directory(), id)));
    assert.equal(ended.filter(({ status }) => status === 'fulfilled').length, 1);
    await assert.rejects(checkToken(directory(), id, secret, Date.now()), /used/);
  });

  it('counts those that are open, and forgets those that are not', async () => {
    assert.equal(await countOpen(directory(), Date.now()), 0);
    await open();
    await open(undefined, 1000);
    assert.equal(await countOpen(directory(), Date.now()), 2);
    assert.equal(await countOpen(directory(), Date.now() + 2000), 1);
    assert.equal(readdirSync(join(directory(), 'tokens')).length, 1);
    await assert.rejects(open(undefined, 8 * 24 * HOUR_MS), /up to 7 days/);
    await assert.rejects(open('../x'), /is not a name/);
  });
});
