/** A new CA in the place of the old one: who believes whom, step by step. */
import assert from 'node:assert/strict';
import { createPrivateKey } from 'node:crypto';
import { copyFileSync, existsSync, readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { crlText, readCrl } from '../../../src/pki/crl.js';
import { fingerprintOf, issuerOf, parseAuthorities, parseCertificate } from '../../../src/pki/facts.js';
import { readIdentity } from '../../../src/pki/identity.js';
import { initPki, issueNode, issueTo, readAuthority, renewFor } from '../../../src/pki/pki-dir.js';
import { readOwnCrl, revokeSubject } from '../../../src/pki/revoke.js';
import { beginRollover, finishRollover, switchRollover } from '../../../src/pki/rollover.js';
import { temporary } from '../../support/temporary.js';

const once = { force: false };

describe('a new CA', () => {
  const directory = temporary();
  const file = (...path: string[]) => join(directory(), ...path);
  const read = (...path: string[]) => readFileSync(file(...path), 'utf8');
  const believed = () => parseAuthorities(read('ca.crt'), 'ca.crt');
  const signer = async () => fingerprintOf(parseCertificate((await readAuthority(directory())).certificate, 'it'));
  const node = (name = 'node1') =>
    readIdentity({ ca: file('ca.crt'), cert: file('nodes', `${name}.crt`), key: file('nodes', `${name}.key`) }, name);

  beforeEach(async () => {
    await initPki(directory(), once);
    await issueNode(directory(), 'node1', once);
  });

  it('is believed first, signs then, and is alone at last', async () => {
    const old = await signer();
    const oldBundle = read('ca.crt');
    await beginRollover(directory());
    assert.equal(await signer(), old);
    assert.deepEqual([believed().length, node().caFingerprint, node().caLeaves], [2, old, false]);

    await switchRollover(directory());
    const next = await signer();
    assert.notEqual(next, old);
    assert.deepEqual(believed().map(fingerprintOf), [next, old]);
    assert.deepEqual([node().caFingerprint, node().caLeaves, node().believed.length], [old, true, 2]);

    await renewFor(directory(), 'node', 'node1');
    assert.deepEqual([node().caFingerprint, node().caLeaves], [next, false]);
    // Who has not heard of the new one does not believe it.
    const own = parseCertificate(read('nodes', 'node1.crt'), 'it');
    assert.equal(issuerOf(own, parseAuthorities(oldBundle, 'it')), undefined);

    await finishRollover(directory(), once);
    assert.deepEqual(believed().map(fingerprintOf), [next]);
    assert.equal(node().caFingerprint, next);
  });

  it('takes over what is revoked, in a list that both understand until the old one leaves', async () => {
    await issueNode(directory(), 'node2', once);
    const { crl: before } = await revokeSubject(directory(), { role: 'node', name: 'node2' });
    await beginRollover(directory());
    assert.equal((await readOwnCrl(directory()))?.number, before.number);
    const both = read('ca.crt');
    await switchRollover(directory());
    const after = await readCrl(read('ca.crl'), both);
    assert.ok(after.number > before.number);
    assert.deepEqual([...after.revoked.keys()], [...before.revoked.keys()]);
    await renewFor(directory(), 'node', 'node1');
    await finishRollover(directory(), once);
    assert.equal((await readOwnCrl(directory()))?.number, after.number);
    await assert.rejects(readCrl(crlText(before), read('ca.crt')), /not signed by this mesh's CA/);
  });

  it('does not let the old one go while somebody has no other certificate', async () => {
    await issueTo(directory(), 'operator', 'ann', once);
    await beginRollover(directory());
    await switchRollover(directory());
    await renewFor(directory(), 'node', 'node1');
    await assert.rejects(finishRollover(directory(), once), /the old CA is still needed by operator ann$/);
    assert.equal(believed().length, 2);
    await finishRollover(directory(), { force: true });
    assert.equal(believed().length, 1);
  });

  it('comes in its order', async () => {
    await assert.rejects(switchRollover(directory()), /one CA alone/);
    await assert.rejects(finishRollover(directory(), once), /one CA alone/);
    await beginRollover(directory());
    await assert.rejects(beginRollover(directory()), /has two CAs already/);
    await assert.rejects(finishRollover(directory(), once), /the old CA still signs/);
  });

  it('is begun once, by whoever is first of two at once, and its key is the one that is kept', async () => {
    const both = await Promise.allSettled([beginRollover(directory()), beginRollover(directory())]);
    assert.deepEqual(both.map(({ status }) => status).sort(), ['fulfilled', 'rejected']);
    await switchRollover(directory());
    assert.equal(await signer(), fingerprintOf(believed()[0] ?? assert.fail('nobody is believed')));
    assert.equal(believed().length, 2);
  });

  it('is gone on with after a power cut at any step', async () => {
    // Of the first step only the first half was done: a key is there that nobody believes in.
    copyFileSync(file('ca.key'), file('ca-next.key'));
    await beginRollover(directory());
    const next = believed()[1];
    // Of the switch only the first half was done.
    renameSync(file('ca-next.key'), file('ca.key'));
    assert.equal(await signer(), fingerprintOf(next ?? { fingerprint256: '' }));
    await switchRollover(directory());
    assert.equal(believed()[0]?.checkPrivateKey(createPrivateKey(read('ca.key'))), true);
    assert.equal(existsSync(file('ca-next.key')), false);
    await switchRollover(directory());
    assert.equal(believed()[0]?.checkPrivateKey(createPrivateKey(read('ca.key'))), true);
  });
});
