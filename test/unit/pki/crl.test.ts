import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { connect, createServer, type TLSSocket } from 'node:tls';
import fc from 'fast-check';
import { CnvmError } from '../../../src/base/errors.js';
import { makeAuthority } from '../../../src/pki/certificates.js';
import { crlText, readCrl, signCrl } from '../../../src/pki/crl.js';
import { factsOf, parseCertificate } from '../../../src/pki/facts.js';
import { initPki, issueNode } from '../../../src/pki/pki-dir.js';
import { addRevoked, revokeSubject } from '../../../src/pki/revoke.js';
import { lacks, stillValid, union } from '../../../src/pki/revoked.js';
import { FUZZ_TIMEOUT_MS, runs } from '../../support/fuzz.js';
import { temporary } from '../../support/temporary.js';

const SECOND = 1_700_000_000_000;

describe('a list of what is revoked', () => {
  const directory = temporary();
  const file = (...path: string[]) => join(directory(), ...path);

  it('is read as it was signed, whatever its number', async () => {
    const ca = await makeAuthority();
    for (const number of [1, 127, 128, 255, 256, 65_535, 2 ** 32, 2 ** 52]) {
      const revoked = new Map([
        ['4a'.repeat(20), SECOND],
        ['7f'.repeat(8), SECOND + 1000],
      ]);
      const crl = await signCrl(ca, number, revoked);
      for (const form of [crl.der, crlText(crl)]) {
        const read = await readCrl(form, ca.certificate);
        assert.equal(read.number, number);
        assert.deepEqual(read.revoked, revoked);
      }
    }
  });

  it('of another CA with the same name is none', async () => {
    const [ca, other] = [await makeAuthority(), await makeAuthority()];
    const crl = await signCrl(other, 9, new Map());
    await assert.rejects(readCrl(crl.der, ca.certificate), /not signed by this mesh's CA/);
  });

  it('that was changed anywhere, or is anything at all, is refused or says what was signed', async () => {
    const ca = await makeAuthority();
    const { der, ...signed } = await signCrl(ca, 3, new Map([['4a'.repeat(20), SECOND]]));
    const changed = fc.tuple(fc.nat(der.length - 1), fc.integer({ min: 1, max: 255 })).map(([at, by]) => {
      const bytes = Uint8Array.from(der);
      bytes[at] = (bytes[at] ?? 0) ^ by;
      return bytes;
    });
    const cut = fc.nat(der.length - 1).map((length) => der.slice(0, length));
    await fc.assert(
      fc.asyncProperty(fc.oneof(changed, cut, fc.uint8Array({ maxLength: 200 }), fc.string()), async (bytes) => {
        try {
          // Around what is signed a bit may be another one: then what is signed is what counts.
          const { number, revoked } = await readCrl(bytes, ca.certificate);
          assert.deepEqual({ number, revoked }, signed);
        } catch (error) {
          if (!(error instanceof CnvmError)) throw error;
        }
      }),
      runs(150),
    );
    await assert.rejects(readCrl(new Uint8Array(3 * 1024 * 1024), ca.certificate), /has 3145728 bytes/);
  }).timeout(FUZZ_TIMEOUT_MS);

  it('is one that OpenSSL understands: it refuses who is in it, and lets in who is not', async () => {
    await initPki(directory(), { force: false });
    for (const name of ['node1', 'node2', 'node3']) await issueNode(directory(), name, { force: false });
    await revokeSubject(directory(), { role: 'node', name: 'node2' });
    const pair = (name: string) => ({
      cert: readFileSync(file('nodes', `${name}.crt`)),
      key: readFileSync(file('nodes', `${name}.key`)),
    });
    const [ca, crl] = [readFileSync(file('ca.crt')), readFileSync(file('ca.crl'))];
    const server = createServer({ ca, crl, ...pair('node1'), requestCert: true, rejectUnauthorized: false });
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const { port } = server.address() as AddressInfo;
    const enter = async (name: string) => {
      const socket = connect({ ca, ...pair(name), port, host: '127.0.0.1', servername: 'node1' });
      const [seen] = (await once(server, 'secureConnection')) as [TLSSocket];
      socket.destroy();
      return String(seen.authorizationError ?? 'in');
    };
    assert.equal(await enter('node3'), 'in');
    assert.equal(await enter('node2'), 'CERT_REVOKED');
    server.close();
  });

  it('grows by one with each change, and not without one', async () => {
    await initPki(directory(), { force: false });
    await issueNode(directory(), 'node1', { force: false });
    const { crl, serials } = await revokeSubject(directory(), { role: 'node', name: 'node1' });
    assert.equal(crl.number, 1);
    assert.deepEqual(serials, [factsOf(parseCertificate(readFileSync(file('nodes', 'node1.crt'), 'utf8'), '')).serial]);
    assert.equal((await addRevoked(directory(), crl.revoked)).number, 1);
    assert.equal((await addRevoked(directory(), crl.revoked, 7)).number, 8);
    await assert.rejects(revokeSubject(directory(), { role: 'node', name: 'node9' }), /knows no valid certificate/);
  });

  it('loses nothing of what several write at once', async () => {
    await initPki(directory(), { force: false });
    const serials = Array.from({ length: 12 }, (_, index) => (0x40 + index).toString(16).repeat(20));
    await Promise.all(serials.map((serial) => addRevoked(directory(), new Map([[serial, Date.now()]]))));
    const read = await readCrl(readFileSync(file('ca.crl'), 'utf8'), readFileSync(file('ca.crt'), 'utf8'));
    assert.deepEqual([...read.revoked.keys()].sort(), serials);
    assert.equal(read.number, 12);
  });
});

describe('what is revoked', () => {
  const some = fc.dictionary(fc.constantFrom('a', 'b', 'c', 'd'), fc.nat(9)).map((one) => new Map(Object.entries(one)));

  it('comes together the same in whatever order it is heard', () => {
    fc.assert(
      fc.property(some, some, some, (a, b, c) => {
        assert.deepEqual(new Map([...union(a, b)].sort()), new Map([...union(b, a)].sort()));
        assert.deepEqual(new Map([...union(union(a, b), c)].sort()), new Map([...union(a, union(b, c))].sort()));
        assert.equal(lacks(union(a, b), a) || lacks(union(a, b), b), false);
      }),
    );
  });

  it('is forgotten when it has expired by itself, and no day before', () => {
    const day = 86_400_000;
    assert.equal(stillValid(new Map([['a', 0]]), 398 * day).size, 1);
    assert.equal(stillValid(new Map([['a', 0]]), 399 * day).size, 0);
  });
});
