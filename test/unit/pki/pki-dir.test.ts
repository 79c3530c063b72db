import assert from 'node:assert/strict';
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { initPki, issueNode, issueTo, renewFor } from '../../../src/pki/pki-dir.js';
import { callerOf } from '../../../src/rpc/roles.js';
import { temporary } from '../../support/temporary.js';

const once = { force: false };

describe('a mesh has certificates', () => {
  const directory = temporary();
  const certificate = (file: string) => new X509Certificate(readFileSync(join(directory(), file)));

  it('that its CA signed, that say who they are, and whose keys are private', async () => {
    await initPki(directory(), once);
    const files = [
      ...(await issueNode(directory(), 'node1', once)),
      ...(await issueTo(directory(), 'operator', 'ann', once)),
    ];
    const ca = certificate('ca.crt');
    const [node, operator] = [certificate('nodes/node1.crt'), certificate('operators/ann.crt')];
    for (const one of [node, operator]) assert.ok(one.verify(ca.publicKey) && one.checkIssued(ca));
    assert.deepEqual(callerOf(node.subjectAltName ?? ''), { role: 'node', name: 'node1' });
    assert.deepEqual(callerOf(operator.subjectAltName ?? ''), { role: 'operator', name: 'ann' });
    assert.equal(node.checkHost('node1'), 'node1');
    assert.ok(ca.ca && !node.ca);
    for (const file of [...files, join(directory(), 'ca.key')].filter((name) => name.endsWith('.key'))) {
      assert.equal(statSync(file).mode & 0o777, 0o600, file);
    }
  });

  it('that are never overwritten by accident', async () => {
    await initPki(directory(), once);
    const before = readFileSync(join(directory(), 'ca.key'), 'utf8');
    await assert.rejects(initPki(directory(), once), /exists/);
    assert.equal(readFileSync(join(directory(), 'ca.key'), 'utf8'), before);
    await initPki(directory(), { force: true });
    assert.notEqual(readFileSync(join(directory(), 'ca.key'), 'utf8'), before);
  });

  it('of which nothing is made when half of them is there', async () => {
    await initPki(directory(), once);
    const [key = ''] = await issueNode(directory(), 'node1', once);
    // It was moved to its node.
    rmSync(key);
    const issued = readdirSync(join(directory(), 'issued'));
    await assert.rejects(issueNode(directory(), 'node1', once), /exists/);
    assert.ok(!existsSync(key), 'a key that does not fit');
    assert.deepEqual(readdirSync(join(directory(), 'issued')), issued);
    rmSync(join(directory(), 'ca.key'));
    await assert.rejects(initPki(directory(), once), /exists/);
    assert.ok(!existsSync(join(directory(), 'ca.key')));
  });

  it('that fit their keys also when several renew them at once', async () => {
    await initPki(directory(), once);
    await issueNode(directory(), 'node1', once);
    for (let round = 0; round < 5; round += 1) {
      await Promise.all(Array.from({ length: 4 }, () => renewFor(directory(), 'node', 'node1')));
      const key = createPrivateKey(readFileSync(join(directory(), 'nodes/node1.key')));
      assert.ok(certificate('nodes/node1.crt').checkPrivateKey(key));
    }
    assert.deepEqual(readdirSync(join(directory(), 'nodes')).toSorted(), ['node1.crt', 'node1.key']);
  });

  it('whose names are no paths', async () => {
    await initPki(directory(), once);
    for (const name of ['../x', '/x', '', 'A', '.', 'a/b'])
      await assert.rejects(issueNode(directory(), name, once), /is not a name/, name);
    await assert.rejects(issueNode(join(directory(), 'nowhere'), 'a', once), /holds no CA/);
  });
});
