/** Who is in a mesh, and who is out again: certificates that change, expire, are revoked, under running streams. */
import assert from 'node:assert/strict';
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { call, connect } from '../../src/cli/connect.js';
import type { GetIdentityResponse, Identity } from '../../src/gen/cnvm/v1/identity.js';
import { crlText } from '../../src/pki/crl.js';
import { factsOf, parseCertificate } from '../../src/pki/facts.js';
import { issueTo, renewFor } from '../../src/pki/pki-dir.js';
import { replacePair } from '../../src/pki/replace-pair.js';
import { readOwnCrl, revokeSerials, revokeSubject } from '../../src/pki/revoke.js';
import { beginRollover, finishRollover, switchRollover } from '../../src/pki/rollover.js';
import { enrolmentOf, plainSerial } from '../../src/pki/subject.js';
import { createPeerClient } from '../../src/rpc/peer-client.js';
import { fixedTrust } from '../../src/rpc/trust.js';
import type { MeshNode } from './mesh-of-daemons.js';
import { assertAtRest, eventually, NAME, ownerBy, testMesh } from './support.js';

/** From the order to the end, on a busy machine. Uncut, the stream would stand for half a minute. */
const AT_ONCE_MS = 10_000;

const read = (file: string) => readFileSync(file, 'utf8');
const serialIn = (file: string) => factsOf(parseCertificate(read(file), file)).serial;

/** The serial number that a node shows to who comes now. */
async function shownBy(node: MeshNode, as: MeshNode): Promise<string> {
  const { ca, cert, key } = as.tls;
  const port = Number(node.endpoint().split(':')[1]);
  return await new Promise((resolve, reject) => {
    const socket = connectTls({
      host: '127.0.0.1',
      port,
      ca: read(ca),
      cert: read(cert),
      key: read(key),
      servername: node.name,
      ALPNProtocols: ['h2'],
    });
    socket.once('secureConnect', () => {
      resolve(plainSerial(socket.getPeerCertificate().serialNumber));
      socket.destroy();
    });
    socket.once('error', reject);
  });
}

/** Brings a node a new certificate. @returns its serial number. */
async function renewTo(pkiDir: string, node: MeshNode, lifetimeMs?: number): Promise<string> {
  await renewFor(pkiDir, 'node', node.name, lifetimeMs);
  const file = (end: string) => read(join(pkiDir, 'nodes', `${node.name}.${end}`));
  await replacePair(node.tls, { certificate: file('crt'), key: file('key') });
  return serialIn(node.tls.cert);
}

describe('certificates of a mesh that runs', () => {
  const mesh = testMesh(['node1', 'node2', 'node3']);

  /** A migration from node1 to node2 whose stream is open, and stands still. */
  async function streaming() {
    const [node1, node2] = [mesh().node('node1'), mesh().node('node2')];
    await node1.create(NAME);
    node1.host.remember(NAME, 'mine', 'kept');
    const hold = node1.host.plan.hold('bulk.serveDisk');
    const moving = node1.teleport(NAME, 'node2');
    moving.catch(() => undefined);
    await hold.reached;
    return { node1, node2, hold, moving };
  }
  const renew = (node: MeshNode, lifetimeMs?: number) => renewTo(mesh().pkiDir, node, lifetimeMs);
  function asOperator(node: MeshNode, role: 'operator' | 'reader' = 'operator') {
    const file = (end: string) => join(mesh().pkiDir, `${role}s`, `ann.${end}`);
    return connect({
      socket: '',
      endpoint: node.endpoint(),
      ca: join(mesh().pkiDir, 'ca.crt'),
      cert: file('crt'),
      key: file('key'),
      serverName: node.name,
    });
  }

  it('are new for who comes next, while what streams goes on to its end', async () => {
    const { node1, node2, hold, moving } = await streaming();
    const before = await shownBy(node1, node2);
    const wanted = [await renew(node1), await renew(node2)];
    await eventually('the new ones', async () => {
      const shown = [await shownBy(node1, node2), await shownBy(node2, node1)];
      return shown.join() === wanted.join();
    });
    assert.notEqual(await shownBy(node1, node2), before);
    hold.goOn();
    assert.equal((await moving).outcome, 'succeeded');
    await assertAtRest(mesh(), NAME, 'node2', 2);
    assert.equal(node2.host.recall(NAME, 'mine'), 'kept');
  });

  it('of a node are revoked: its stream ends at once, nobody lets it in, and it lets in who calls it no more', async () => {
    const { node1, node2, hold, moving } = await streaming();
    const { crl } = await revokeSubject(mesh().pkiDir, { role: 'node', name: 'node2' });
    // Brought to one node that has no part in it; the others hear of it.
    const began = Date.now();
    writeFileSync(join(mesh().node('node3').tls.ca, '..', 'ca.crl'), crlText(crl));
    const ended = await moving;
    assert.ok(Date.now() - began < AT_ONCE_MS, `${Date.now() - began} ms`);
    assert.equal(ended.outcome, 'aborted', ended.error);
    hold.goOn();
    assert.equal(node1.host.stateOf(NAME), 'running');
    for (const name of ['node1', 'node3']) {
      const target = mesh().node(name);
      const client = createPeerClient({ name, endpoint: target.endpoint() }, fixedTrust(node2.tls));
      await assert.rejects(client.describe({ timeoutMs: 2_000 }));
      client.close();
    }
    for (const { host } of [node1, mesh().node('node3')]) {
      const others = () => host.overlayPeers().filter((name) => name !== host.node);
      await eventually('nor does the overlay lead to it', async () => others().length === 1 && others()[0] !== 'node2');
    }
    // The other way round: node1 calls, and sees whom it would be talking to.
    await assert.rejects(node1.plan(NAME, 'node2'));
    assert.equal(await ownerBy(node1, NAME), 'node1 at 1');
  });

  it('of a node expire: its stream ends then', async () => {
    const node2 = mesh().node('node2');
    const lifetimeMs = 8_000;
    const serial = await renew(node2, lifetimeMs);
    const until = Date.now() + lifetimeMs;
    await eventually('the short one', async () => (await shownBy(node2, mesh().node('node1'))) === serial);
    const { node1, hold, moving } = await streaming();
    const ended = await moving;
    hold.goOn();
    // A certificate's times are whole seconds.
    assert.ok(Date.now() > until - 1_500 && Date.now() < until + AT_ONCE_MS, `${Date.now() - until} ms`);
    assert.equal(ended.outcome, 'aborted', ended.error);
    assert.equal(node1.host.stateOf(NAME), 'running');
  });

  it('of an operator are revoked: what it follows ends at once, and it may no more', async () => {
    const node1 = mesh().node('node1');
    await node1.create(NAME);
    await issueTo(mesh().pkiDir, 'operator', 'ann', { force: false });
    await issueTo(mesh().pkiDir, 'reader', 'ann', { force: false });
    const [ann, reader] = [asOperator(node1), asOperator(node1, 'reader')];
    const hold = node1.host.plan.hold('bulk.serveDisk');
    const moving = node1.teleport(NAME, 'node2');
    await hold.reached;
    const id = (await node1.migrations())[0]?.id ?? '';
    const follow = async (who: typeof ann) => {
      for await (const _ of who.migrations.watchMigration({ id }));
    };
    const watch = async () => {
      for await (const _ of ann.watch.watch({ kinds: [], name: '' }));
    };
    const [annsEnd, annsWatch, readersEnd] = [follow(ann), watch(), follow(reader)];
    for (const end of [annsEnd, annsWatch, readersEnd]) end.catch(() => undefined);
    await call(reader, (done) => reader.nodes.listNodes({}, done));
    const crl = (await revokeSubject(mesh().pkiDir, { role: 'operator', name: 'ann' })).crl;
    const began = Date.now();
    await call(ann, (done) => ann.identity.publishRevocations({ crl: crl.der }, done)).catch(() => undefined);
    await assert.rejects(annsEnd);
    await assert.rejects(annsWatch);
    assert.ok(Date.now() - began < AT_ONCE_MS);
    await assert.rejects(call(ann, (done) => ann.nodes.listNodes({}, done)));
    // Another one of the same name is another one.
    hold.goOn();
    await readersEnd;
    assert.equal((await moving).outcome, 'succeeded');
    ann.close();
    reader.close();
  });
});

describe('a mesh in which two nodes hold the CA', () => {
  const mesh = testMesh(['node1', 'node2', 'node3'], 'each', { authorities: ['node1', 'node3'] });
  /** Long enough to be renewed in on a busy machine. */
  const SHORT_MS = 12_000;

  it('renews its nodes before they expire, each with a new key, and a renewed one is revoked by the old number', async () => {
    const [node1, node2, node3] = [mesh().node('node1'), mesh().node('node2'), mesh().node('node3')];
    const original = (node: MeshNode, end = 'crt') => join(mesh().pkiDir, 'nodes', `${node.name}.${end}`);
    for (const node of [node2, node3]) await renewTo(mesh().pkiDir, node, SHORT_MS);
    for (const node of [node2, node3]) {
      await eventually(`a renewed ${node.name}`, () => serialIn(node.tls.cert) !== serialIn(original(node)), 30_000);
      assert.equal(enrolmentOf(serialIn(node.tls.cert)), enrolmentOf(serialIn(original(node))));
      await eventually('it in use', async () => (await shownBy(node, node1)) === serialIn(node.tls.cert));
      assert.notEqual(read(node.tls.key), read(original(node, 'key')));
    }
    await eventually(
      'the old ones expired',
      () => Date.now() > Date.parse(parseCertificate(read(original(node3)), '').validTo) + 500,
      30_000,
    );
    await node1.hearsAll();
    await node2.hearsAll();
    // At the other one, which may never have seen the new number.
    const authority = join(node3.tls.ca, '..');
    await revokeSerials(authority, [serialIn(original(node2))]);
    // Heard of first: a call that fails may only have been slow.
    await eventually(
      'the list at node1',
      async () => (await readOwnCrl(join(node1.tls.ca, '..')))?.number === 1,
      30_000,
    );
    await eventually('node2 out', async () => {
      const client = createPeerClient({ name: 'node1', endpoint: node1.endpoint() }, fixedTrust(node2.tls));
      const out = await client.describe({ timeoutMs: 1_000 }).then(
        () => false,
        () => true,
      );
      client.close();
      return out;
    });
  }).timeout(90_000);

  it('revokes by its name whoever has been seen there, also what was made elsewhere', async () => {
    const [node1, node2] = [mesh().node('node1'), mesh().node('node2')];
    // Issued by the deployer, whose papers node1 does not have.
    const { serials } = await revokeSubject(join(node1.tls.ca, '..'), { role: 'node', name: 'node2' });
    assert.ok(serials.map(enrolmentOf).includes(enrolmentOf(serialIn(node2.tls.cert))));
  });
});

describe('a new CA', () => {
  const mesh = testMesh(['node1', 'node2', 'node3'], 'each', { authorities: ['node1'] });
  const node = (name: string) => mesh().node(name);

  it('takes the place of the old one under a running stream, and no daemon starts anew', async () => {
    const [node1, node2, node3] = [node('node1'), node('node2'), node('node3')];
    const holder = dirname(node1.tls.ca);
    const old = (await identityOf(node1)).caFingerprint;
    await node2.create(NAME);
    node2.host.remember(NAME, 'mine', 'kept');
    const hold = node2.host.plan.hold('bulk.serveDisk');
    const moving = node2.teleport(NAME, 'node3');
    moving.catch(() => undefined);
    await hold.reached;

    /** As somebody brings it to the nodes, one after the other. */
    const bring = (bundle: string) => {
      for (const { tls } of [node2, node3]) copyFileSync(bundle, tls.ca);
    };
    const all = async (holds: (identity: Identity) => boolean) =>
      (await Promise.all([node1, node2, node3].map(identityOf))).every(holds);

    bring(await beginRollover(holder));
    await eventually('all believe both', () => all(({ believedCas }) => believedCas.length === 2), 20_000);
    bring(await switchRollover(holder));
    await eventually('all have new certificates', () => all(({ caFingerprint }) => caFingerprint !== old), 30_000);
    bring(await finishRollover(holder, { force: false }));
    await eventually('none believes the old one', () => all(({ believedCas }) => !believedCas.includes(old)), 20_000);

    hold.goOn();
    assert.equal((await moving).outcome, 'succeeded', (await moving).error);
    await assertAtRest(mesh(), NAME, 'node3', 2);
    assert.equal(node3.host.recall(NAME, 'mine'), 'kept');
    for (const one of [node1, node2, node3]) await one.hearsAll();
    assert.equal((await node1.teleport(NAME, 'node1')).outcome, 'succeeded');
    // The deployer's directory still has the old one's key: what that signs is worth nothing now.
    await renewFor(mesh().pkiDir, 'node', 'node2');
    const forged = (end: string) => join(mesh().pkiDir, 'nodes', `node2.${end}`);
    const both = join(mesh().pkiDir, 'both.crt');
    writeFileSync(both, read(join(mesh().pkiDir, 'ca.crt')) + read(node1.tls.ca));
    const trust = fixedTrust({ ca: both, cert: forged('crt'), key: forged('key') });
    const client = createPeerClient({ name: 'node1', endpoint: node1.endpoint() }, trust);
    await assert.rejects(client.describe({ timeoutMs: 2_000 }));
    client.close();
  }).timeout(120_000);
});

async function identityOf(node: MeshNode): Promise<Identity> {
  const { identity } = await node.ask((at) =>
    call<GetIdentityResponse>(at, (done) => at.identity.getIdentity({}, done)),
  );
  assert.ok(identity);
  return identity;
}
