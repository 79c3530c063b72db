import 'reflect-metadata';
import assert from 'node:assert/strict';
import { webcrypto, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as x509 from '@peculiar/x509';
import fc from 'fast-check';
import { CnvmError } from '../../../src/base/errors.js';
import { admit, renewNode } from '../../../src/pki/admit.js';
import { factsOf } from '../../../src/pki/facts.js';
import { initPki, issueNode } from '../../../src/pki/pki-dir.js';
import { makeRequest, readRequest } from '../../../src/pki/request.js';
import { isRevoked, revokeSerials, revokeSubject } from '../../../src/pki/revoke.js';
import { enrolmentOf } from '../../../src/pki/subject.js';
import { countOpen, openToken } from '../../../src/pki/token-store.js';
import { FUZZ_TIMEOUT_MS, runs } from '../../support/fuzz.js';
import { temporary } from '../../support/temporary.js';

const P256 = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };

describe('whoever lets new nodes in', () => {
  const directory = temporary();
  beforeEach(async () => {
    await initPki(directory(), { force: false });
    await issueNode(directory(), 'node1', { force: false });
  });
  const token = async (node?: string) => await openToken(directory(), { node, ttlMs: 60_000 });

  /** One that asks for everything. */
  async function greedy(): Promise<Uint8Array> {
    const keys = await webcrypto.subtle.generateKey(P256, true, ['sign', 'verify']);
    const request = await x509.Pkcs10CertificateRequestGenerator.create({
      name: 'CN=node1, O=root',
      keys,
      signingAlgorithm: P256,
      extensions: [
        new x509.BasicConstraintsExtension(true, 9, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
        new x509.SubjectAlternativeNameExtension([
          { type: 'url', value: 'spiffe://cnvm/operator/root' },
          { type: 'dns', value: 'node1' },
          { type: 'ip', value: '192.0.2.1' },
        ]),
      ],
    });
    return new Uint8Array(request.rawData);
  }

  it('gives a request that asks for more just what the token allows', async () => {
    const wish = { ...(await token('node4')), name: 'node4', request: await greedy() };
    const certificate = new X509Certificate((await admit(directory(), wish)).certificate);
    assert.equal(certificate.subjectAltName, 'URI:spiffe://cnvm/node/node4, DNS:node4');
    assert.equal(certificate.subject, 'CN=node4');
    assert.equal(certificate.ca, false);
    assert.ok(certificate.verify(new X509Certificate(readFileSync(join(directory(), 'ca.crt'))).publicKey));
    const days = (factsOf(certificate).notAfterMs - Date.now()) / 86_400_000;
    assert.ok(days > 29 && days <= 30, String(days));
  });

  it('gives a new name to one of those who come for it at once', async () => {
    const wishes = await Promise.all(
      Array.from({ length: 4 }, async () => ({ ...(await token()), name: 'node5', request: await greedy() })),
    );
    const ended = await Promise.allSettled(wishes.map((wish) => admit(directory(), wish)));
    assert.equal(ended.filter(({ status }) => status === 'fulfilled').length, 1);
    for (const one of ended) if (one.status === 'rejected') assert.match(String(one.reason), /there is a node node5/);
    // Theirs are good for another name.
    assert.equal(await countOpen(directory(), Date.now()), 3);
  });

  it('does not let a token be used for another name, nor for one that is taken, and the token stays', async () => {
    const { request } = await makeRequest();
    const [named, open] = [await token('node4'), await token()];
    await assert.rejects(admit(directory(), { ...named, name: 'node5', request }), /is for the node node4/);
    await assert.rejects(admit(directory(), { ...open, name: 'node1', request }), /there is a node node1 already/);
    await assert.rejects(admit(directory(), { ...open, name: '../x', request }), /is not a name/);
    await revokeSubject(directory(), { role: 'node', name: 'node1' });
    await admit(directory(), { ...open, name: 'node1', request });
    await admit(directory(), { ...named, name: 'node4', request });
    await assert.rejects(admit(directory(), { ...named, name: 'node4', request }), /used/);
  });

  it('takes no key of another kind', async () => {
    const rsa = {
      name: 'RSASSA-PKCS1-v1_5',
      hash: 'SHA-256',
      publicExponent: new Uint8Array([1, 0, 1]),
      modulusLength: 1024,
    };
    for (const algorithm of [rsa, { ...P256, namedCurve: 'P-384' }]) {
      const keys = (await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])) as webcrypto.CryptoKeyPair;
      const request = await x509.Pkcs10CertificateRequestGenerator.create({ keys, signingAlgorithm: algorithm });
      await assert.rejects(readRequest(new Uint8Array(request.rawData)), /not ECDSA on P-256/);
    }
  });

  it('takes no request that was changed, and nothing that is none', async () => {
    const request = await greedy();
    const key = new Uint8Array((await readRequest(request)).rawData);
    const changed = fc.tuple(fc.nat(request.length - 1), fc.integer({ min: 1, max: 255 })).map(([at, by]) => {
      const bytes = Uint8Array.from(request);
      bytes[at] = (bytes[at] ?? 0) ^ by;
      return bytes;
    });
    await fc.assert(
      fc.asyncProperty(fc.oneof(changed, fc.uint8Array({ maxLength: 300 })), async (bytes) => {
        try {
          // Around what is signed a bit may be another one: the key is the same.
          assert.deepEqual(new Uint8Array((await readRequest(bytes)).rawData), key);
        } catch (error) {
          if (!(error instanceof CnvmError)) throw error;
        }
      }),
      runs(150),
    );
    await assert.rejects(readRequest(new Uint8Array(10_000)), /has 10000 bytes/);
  }).timeout(FUZZ_TIMEOUT_MS);

  it('renews within the enrolment, so that to revoke any one certificate is to revoke them all', async () => {
    const first = factsOf(new X509Certificate(readFileSync(join(directory(), 'nodes', 'node1.crt'))));
    const renew = async (serial: string) => {
      const { request } = await makeRequest();
      return factsOf(new X509Certificate(await renewNode(directory(), { name: 'node1', serial }, request)));
    };
    const second = await renew(first.serial);
    const third = await renew(second.serial);
    assert.deepEqual(third.subject, { role: 'node', name: 'node1' });
    assert.equal(new Set([first, second, third].map(({ serial }) => serial)).size, 3);
    assert.equal(new Set([first, second, third].map(({ serial }) => enrolmentOf(serial))).size, 1);
    const { revoked } = await revokeSerials(directory(), [second.serial]);
    for (const { serial } of [first, second, third]) assert.ok(isRevoked(revoked, serial));
    await assert.rejects(renew(third.serial), /is revoked/);
  });
});
