/** A node with a certificate of the mesh that does not keep to the rules: it gets nothing that is another's. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import type { CnvmRecord } from '../../src/cnvms/cnvm.js';
import type { Offer } from '../../src/migration/peer-port.js';
import { createPeerClient, type PeerClient } from '../../src/rpc/peer-client.js';
import { fixedTrust } from '../../src/rpc/trust.js';
import { facts, NO_CARD, record } from '../support/samples.js';
import { assertAtRest, assertNothingLeft, NAME, testMesh } from './support.js';

const WAIT = { timeoutMs: 5_000 };

describe('a peer that lies', () => {
  const mesh = testMesh(['node1', 'node2', 'node3']);
  let client: PeerClient | undefined;
  afterEach(() => client?.close());

  /** node3's own certificate, in the hands of somebody else. */
  function asNode3(to: string): PeerClient {
    client?.close();
    client = createPeerClient({ name: to, endpoint: mesh().node(to).endpoint() }, fixedTrust(mesh().node('node3').tls));
    return client;
  }
  function offerOf(change: Partial<CnvmRecord>, offer: Partial<Offer> = {}): Offer {
    const sent: CnvmRecord = { ...record, name: NAME, owner: 'node3', ...change };
    return {
      migration: randomUUID(),
      record: JSON.stringify(sent),
      epoch: sent.epoch,
      mode: 'cold',
      landing: undefined,
      memoryBytes: 0,
      diskBytes: 0,
      source: facts('node3'),
      dryRun: false,
      memoryMode: undefined,
      compression: 'none',
      layers: [],
      ...offer,
    };
  }

  it('is not believed that it owns what another one owns', async () => {
    await mesh().node('node1').create(NAME);
    await mesh().node('node1').create('news');
    const { refusals } = await asNode3('node2').target.offer(offerOf({ epoch: 9 }), WAIT);
    assert.match(refusals.join(), /is taken on node1/);
    const own = await asNode3('node1').target.offer(offerOf({ epoch: 9 }), WAIT);
    assert.match(own.refusals.join(), /is taken on node1/);
    const asAnother = await asNode3('node2').target.offer(offerOf({ owner: 'node1' }), WAIT);
    assert.match(asAnother.refusals.join(), /node3 does not own/);
    await assertAtRest(mesh(), NAME, 'node1', 1);
  });

  it('gets nothing by announcing another’s cnvm as its own', async () => {
    const node1 = mesh().node('node1');
    await node1.create(NAME);
    const claim = { name: NAME, address: '10.100.101.111', epoch: 99, state: 'running', image: 'base@sha256:aa' };
    await asNode3('node1').announce('node3', { holdings: [claim], overlay: NO_CARD }, WAIT);
    const { refusals } = await asNode3('node1').target.offer(offerOf({ epoch: 99 }), WAIT);
    assert.match(refusals.join(), /is taken on node1/);
    assert.equal(node1.host.stateOf(NAME), 'running');
    assert.equal((await node1.teleport(NAME, 'node2')).outcome, 'succeeded');
    assert.equal(mesh().node('node2').host.stateOf(NAME), 'running');
  });

  it('cannot name a migration so that files elsewhere are meant', async () => {
    for (const migration of ['../../escape', '..', 'a/b']) {
      await assert.rejects(asNode3('node2').target.offer(offerOf({}, { migration }), WAIT), /not a migration/);
    }
    await assertNothingLeft(mesh());
  });

  it('hands over at the right epoch or not at all', async () => {
    const { target } = asNode3('node2');
    await assert.rejects(target.offer(offerOf({}, { epoch: 9 }), WAIT), /a record at epoch 3 is offered at 9/);
    const offer = offerOf({});
    assert.deepEqual((await target.offer(offer, WAIT)).refusals, []);
    for (const epoch of [0, offer.epoch, offer.epoch + 2]) {
      await assert.rejects(target.handOver(offer.migration, epoch, WAIT), /a hand-over at epoch/);
    }
    assert.equal((await target.query(offer.migration, WAIT)).standing, 'receiving');
    await target.cancel(offer.migration, 'enough', WAIT);
    assert.equal((await target.query(offer.migration, WAIT)).standing, 'cancelled');
    await assertNothingLeft(mesh());
  });

  it('an offer that was called off before it was taken is not taken any more', async () => {
    const { target } = asNode3('node2');
    const offer = offerOf({});
    await target.cancel(offer.migration, 'too late', WAIT);
    await assert.rejects(target.offer(offer, WAIT), /node3 has called it off meanwhile/);
    assert.equal((await target.query(offer.migration, WAIT)).standing, 'unknown');
    // By the one who made it, and that one alone.
    const another = offerOf({});
    client?.close();
    const node2 = { name: 'node2', endpoint: mesh().node('node2').endpoint() };
    client = createPeerClient(node2, fixedTrust(mesh().node('node1').tls));
    await client.target.cancel(another.migration, 'mine', WAIT);
    assert.deepEqual((await asNode3('node2').target.offer(another, WAIT)).refusals, []);
    await asNode3('node2').target.cancel(another.migration, 'enough', WAIT);
    await assertNothingLeft(mesh());
  });

  it('an offer that was called off and comes late does not end the one that was made after it', async () => {
    const { target } = asNode3('node2');
    const [early, later] = [offerOf({}), offerOf({})];
    await target.cancel(early.migration, 'too late', WAIT);
    assert.deepEqual((await target.offer(later, WAIT)).refusals, []);
    await assert.rejects(target.offer(early, WAIT), /node3 has called it off meanwhile/);
    assert.equal((await target.query(later.migration, WAIT)).standing, 'receiving');
    await target.cancel(later.migration, 'enough', WAIT);
    await assertNothingLeft(mesh());
  });

  it('is not listened to about a migration of another one', async () => {
    const node1 = mesh().node('node1');
    await node1.create(NAME);
    const restore = mesh().node('node2').host.plan.hold('machine.restore');
    const moving = node1.teleport(NAME, 'node2');
    await restore.reached;
    const [entry] = mesh().node('node2').journal();
    const id = entry?.migration.id ?? '';
    const { target } = asNode3('node2');
    assert.equal((await target.query(id, WAIT)).standing, 'unknown');
    for (const call of [
      () => target.handOver(id, 2, WAIT),
      () => target.collect(id, undefined, WAIT),
      () => target.seed(id, WAIT),
      () => target.offer(offerOf({}, { migration: id }), WAIT),
    ]) {
      await assert.rejects(call, /is not known here/);
    }
    await target.cancel(id, 'mine', WAIT);
    await target.release(id, WAIT);
    await assert.rejects(readAll(asNode3('node1').bulk.pullImages(id, new AbortController().signal)), /no migration/);
    restore.goOn();
    assert.equal((await moving).outcome, 'succeeded');
    // Nor afterwards: the answer that the owner may still ask for must not be written over.
    await assert.rejects(asNode3('node2').target.offer(offerOf({}, { migration: id }), WAIT), /has ended|is not known/);
    await assertAtRest(mesh(), NAME, 'node2', 2);
  });

  it('a hand-over that comes twice is answered the same, and nothing is run twice', async () => {
    const node1 = mesh().node('node1');
    await node1.create(NAME);
    const restore = mesh().node('node2').host.plan.hold('machine.restore');
    const moving = node1.teleport(NAME, 'node2');
    await restore.reached;
    const id = mesh().node('node2').journal()[0]?.migration.id ?? '';
    const endpoint = mesh().node('node2').endpoint();
    client = createPeerClient({ name: 'node2', endpoint }, fixedTrust(node1.tls));
    const twice = [1, 2].map(() => client?.target.handOver(id, 2, WAIT));
    restore.goOn();
    assert.deepEqual(
      (await Promise.all(twice)).map((result) => result?.kind),
      ['running', 'running'],
    );
    assert.equal((await moving).outcome, 'succeeded');
    assert.equal((await client.target.query(id, WAIT)).standing, 'running');
    await assertAtRest(mesh(), NAME, 'node2', 2);
  });
});

async function readAll(chunks: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of chunks);
}
