import assert from 'node:assert/strict';
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readIdentity } from '../../../src/pki/identity.js';
import { initPki } from '../../../src/pki/pki-dir.js';
import { settlePair } from '../../../src/pki/replace-pair.js';
import { requestFor, signRequest } from '../../../src/pki/request-files.js';
import { temporary } from '../../support/temporary.js';

describe('a request that is carried to the CA', () => {
  const directory = temporary();
  const ca = () => join(directory(), 'ca');
  const node = () => join(directory(), 'node');
  beforeEach(async () => {
    await initPki(ca(), { force: false });
    mkdirSync(node());
  });

  it('brings back a certificate for a key that has stayed', async () => {
    const { request, key } = await requestFor(node());
    assert.equal(statSync(key).mode & 0o777, 0o600);
    assert.doesNotMatch(readFileSync(request, 'utf8'), /PRIVATE KEY/);
    // Whoever asks twice can take either answer.
    const text = readFileSync(request, 'utf8');
    assert.equal((await requestFor(node())).request, request);
    assert.equal(readFileSync(request, 'utf8'), text);
    const certificate = await signRequest(ca(), text, { role: 'node', name: 'node7', lifetimeMs: 3_600_000 });
    const files = { ca: join(ca(), 'ca.crt'), cert: join(node(), 'node.crt'), key: join(node(), 'node.key') };
    writeFileSync(files.cert, `${certificate}\n`);
    settlePair(files);
    assert.equal(existsSync(key), false);
    const { subject, notAfterMs } = readIdentity(files, 'node7');
    assert.deepEqual(subject, { role: 'node', name: 'node7' });
    assert.ok(notAfterMs < Date.now() + 3_700_000);
  });

  it('is for the key that waits: one that an earlier key has left is not carried again', async () => {
    const first = await requestFor(node());
    const stale = readFileSync(first.request, 'utf8');
    rmSync(first.key);
    const second = await requestFor(node());
    // As when the power went between the two files.
    writeFileSync(second.request, stale);
    const { request, key } = await requestFor(node());
    const certificate = await signRequest(ca(), readFileSync(request, 'utf8'), { role: 'node', name: 'node7' });
    assert.ok(new X509Certificate(certificate).checkPrivateKey(createPrivateKey(readFileSync(key))));
  });

  it('is refused when it is none, or the name is none', async () => {
    const text = readFileSync((await requestFor(node())).request, 'utf8');
    const wish = { role: 'node', name: 'node7' } as const;
    await assert.rejects(signRequest(ca(), 'x', wish), /no PEM of a certificate request/);
    await assert.rejects(signRequest(ca(), readFileSync(join(ca(), 'ca.crt'), 'utf8'), wish), /no PEM/);
    await assert.rejects(signRequest(ca(), text, { ...wish, name: 'A B' }), /is not a name/);
    await assert.rejects(signRequest(ca(), text, { ...wish, lifetimeMs: 1e12 }), /398 days/);
    await assert.rejects(signRequest(node(), text, wish), /holds no CA/);
  });
});
