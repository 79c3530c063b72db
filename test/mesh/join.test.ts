/** A new node comes into a mesh by a token; and nobody else does. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createConnection } from 'node:net';
import { join } from 'node:path';
import { createServer, type TLSSocket } from 'node:tls';
import { issue } from '../../src/pki/certificates.js';
import { fingerprintOf, parseCertificate } from '../../src/pki/facts.js';
import type { JoinToken } from '../../src/pki/join-token.js';
import { initPki, issueNode, readAuthority } from '../../src/pki/pki-dir.js';
import { makeRequest } from '../../src/pki/request.js';
import { openToken } from '../../src/pki/token-store.js';
import { join as joinMesh } from '../../src/rpc/join.js';
import { createPeerClient } from '../../src/rpc/peer-client.js';
import { fixedTrust } from '../../src/rpc/trust.js';
import { temporary } from '../support/temporary.js';
import { eventually, testMesh } from './support.js';

describe('a new node', () => {
  const directory = temporary();
  const mesh = testMesh(['node1', 'node2'], 'each', { authorities: ['node1'] });
  const authority = () => join(mesh().node('node1').tls.ca, '..');

  async function tokenFor(node?: string, ttlMs = 60_000): Promise<JoinToken> {
    const made = await openToken(authority(), { node, ttlMs });
    const fingerprint = fingerprintOf(parseCertificate(readFileSync(join(authority(), 'ca.crt'), 'utf8'), ''));
    return { ...made, fingerprint, address: mesh().node('node1').joinEndpoint() };
  }
  async function isOpen(): Promise<boolean> {
    const [host = '', port] = mesh().node('node1').joinEndpoint().split(':');
    const socket = createConnection({ host, port: Number(port) });
    const open = await once(socket, 'connect').then(
      () => true,
      () => false,
    );
    socket.destroy();
    return open;
  }
  const doorOpens = () => eventually('an open door', isOpen);
  const come = async (token: JoinToken, name = 'node4') => await joinMesh(token, name, (await makeRequest()).request);

  it('joins with a token, and is a peer like any other; the door is open only meanwhile', async () => {
    assert.equal(await isOpen(), false);
    const token = await tokenFor('node4');
    await doorOpens();
    const { request, key } = await makeRequest();
    const { certificate, ca } = await joinMesh(token, 'node4', request);
    const files = {
      ca: join(directory(), 'ca.crt'),
      cert: join(directory(), 'node.crt'),
      key: join(directory(), 'node.key'),
    };
    writeFileSync(files.ca, ca);
    writeFileSync(files.cert, certificate);
    writeFileSync(files.key, key, { mode: 0o600 });
    const client = createPeerClient({ name: 'node2', endpoint: mesh().node('node2').endpoint() }, fixedTrust(files));
    assert.equal((await client.describe({ timeoutMs: 5_000 })).name, 'node2');
    client.close();
    await eventually('a closed door', async () => !(await isOpen()));
  });

  it('is one of many that come with one token', async () => {
    const token = await tokenFor();
    await doorOpens();
    const ended = await Promise.allSettled(['node4', 'node5', 'node6', 'node7'].map((name) => come(token, name)));
    assert.equal(ended.filter(({ status }) => status === 'fulfilled').length, 1);
    for (const one of ended)
      if (one.status === 'rejected') assert.match(String(one.reason), /unknown, used or expired/);
  });

  it('does not come in with an expired token, another secret, or another name than the token has', async () => {
    const shortMs = 1_500;
    const [short, named] = [await tokenFor('node4', shortMs), await tokenFor('node5')];
    const until = Date.now() + shortMs;
    await doorOpens();
    await assert.rejects(come({ ...named, secret: '0'.repeat(64) }, 'node5'), /unknown, used or expired/);
    await assert.rejects(come(named, 'node6'), /is for the node node5/);
    await eventually('the end of its time', () => Date.now() > until);
    await assert.rejects(come(short), /unknown, used or expired/);
    await come(named, 'node5');
  });

  it('does not come in by guessing: after some tries nobody is heard for a while', async () => {
    const token = await tokenFor('node4');
    await doorOpens();
    let words = '';
    for (let tries = 0; tries < 100 && !/too many/.test(words); tries += 1)
      words = await come({ ...token, secret: tries.toString(16).padStart(64, '0') }).then(() => 'in', String);
    assert.match(words, /too many tries/);
  }).timeout(60_000);

  describe('that is led to somebody else', () => {
    /** Somebody who answers with these certificates, and keeps what is said. */
    async function impostor(pair: { key: string; cert: string }) {
      const heard: Buffer[] = [];
      const server = createServer({ ...pair, ALPNProtocols: ['h2'], minVersion: 'TLSv1.3' }, (socket: TLSSocket) => {
        socket.on('error', () => undefined);
        socket.on('data', (data: Buffer) => heard.push(data));
      });
      server.on('tlsClientError', () => undefined);
      await once(server.listen(0, '127.0.0.1'), 'listening');
      return { address: `127.0.0.1:${(server.address() as AddressInfo).port}`, heard, close: () => server.close() };
    }
    const secretIn = (heard: readonly Buffer[], { secret }: JoinToken) => Buffer.concat([...heard]).includes(secret);

    it('of another mesh says nothing to it', async () => {
      await initPki(directory(), { force: false });
      const other = await readAuthority(directory());
      const pair = await issue(other, { role: 'authority', name: 'authority' });
      const who = await impostor({ key: pair.key, cert: `${pair.certificate}\n${other.certificate}` });
      const token = { ...(await tokenFor('node4')), address: who.address };
      await assert.rejects(come(token), /not of the mesh that the token is for/);
      assert.equal(who.heard.length, 0);
      who.close();
    });

    it('who shows the CA of the mesh without being of it says nothing to it', async () => {
      await initPki(directory(), { force: false });
      const pair = await issue(await readAuthority(directory()), { role: 'authority', name: 'authority' });
      const token = await tokenFor('node4');
      const ca = readFileSync(join(authority(), 'ca.crt'), 'utf8');
      const who = await impostor({ key: pair.key, cert: `${pair.certificate}\n${ca}` });
      await assert.rejects(come({ ...token, address: who.address }));
      assert.ok(!secretIn(who.heard, token));
      who.close();
    });

    it('who has stolen the certificate of a node says nothing to it', async () => {
      await issueNode(mesh().pkiDir, 'node9', { force: false });
      const read = (...path: string[]) => readFileSync(join(mesh().pkiDir, ...path), 'utf8');
      const who = await impostor({
        key: read('nodes', 'node9.key'),
        cert: `${read('nodes', 'node9.crt')}\n${read('ca.crt')}`,
      });
      const token = await tokenFor('node4');
      await assert.rejects(come({ ...token, address: who.address }), /not that of who lets new nodes in/);
      assert.ok(!secretIn(who.heard, token));
      who.close();
    });
  });
});
