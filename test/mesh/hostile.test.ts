/** What comes from a peer is anything: it is answered or refused, and nothing changes by it. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { createConnection } from 'node:net';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import * as wire from '../../src/gen/cnvm/peer/v1/peer.js';
import { Compression, MemoryMode, MigrationMode } from '../../src/gen/cnvm/v1/migration.js';
import { entryText } from '../../src/migration/journal.js';
import { toFacts } from '../../src/rpc/node-messages.js';
import { FUZZ_TIMEOUT_MS, runs, within } from '../support/fuzz.js';
import { facts, migration, record } from '../support/samples.js';
import { anew, BULK, HAND_OVER, MESH, type Message, message, tunnelMessages, WAITING } from './hostile-messages.js';
import { type HostilePeer, openHostilePeer } from './hostile-peer.js';
import { assertAtRest, eventually, NAME, ownerBy, testMesh } from './support.js';

describe('a peer that sends anything', () => {
  const mesh = testMesh(['node1', 'node2', 'node3'], 'all');
  const peers = new Map<string, HostilePeer>();
  before(async () => {
    await mesh().node('node1').create(NAME);
    mesh().node('node1').host.remember(NAME, 'mine', 'kept');
  });
  after(() => peers.forEach((peer) => void peer.close()));

  /** One for each life of a daemon. */
  function peerTo(name: string): HostilePeer {
    const [as, to] = [mesh().node('node3'), mesh().node(name)];
    const peer = peers.get(to.endpoint()) ?? openHostilePeer(as, to);
    peers.set(to.endpoint(), peer);
    return peer;
  }

  async function assertUnchanged(): Promise<void> {
    for (const node of mesh().nodes) await node.hearsAll();
    await assertAtRest(mesh(), NAME, 'node1', 1);
    assert.equal(mesh().node('node1').host.recall(NAME, 'mine'), 'kept');
    for (const node of mesh().nodes) assert.equal(await ownerBy(node, 'theirs'), 'nobody', node.name);
  }

  /** Sends them in order, without waiting where an answer needs a step to come; then calls everything off. */
  async function send(to: HostilePeer, drawn: readonly Message[]): Promise<void> {
    const { ids, messages } = anew(drawn);
    const waiting: Promise<unknown>[] = [];
    for (const { path, bytes } of messages) {
      const answered = to.call(path, bytes);
      answered.catch(() => undefined);
      waiting.push(answered);
      if (!WAITING.includes(path)) await answered;
    }
    await callOff(to, ids);
    await Promise.all(waiting);
  }

  async function callOff(to: HostilePeer, ids: readonly string[]): Promise<void> {
    for (const migration of ids)
      await to.call(`${HAND_OVER}/Cancel`, wire.CancelRequest.encode({ migration, reason: '' }).finish());
    await to.call(
      `${MESH}/Announce`,
      wire.AnnounceRequest.encode({ node: 'node3', holdings: [], overlay: undefined }).finish(),
    );
  }

  for (const to of ['node1', 'node2']) {
    it(`messages of the hand-over and the mesh to ${to}, in any order`, async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.array(message, { minLength: 1, maxLength: 8 }),
          within(async (messages) => {
            await send(peerTo(to), messages);
            await assertUnchanged();
          }),
        ),
        runs(30),
      );
    }).timeout(FUZZ_TIMEOUT_MS);
  }

  it('the same at once', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(message, { minLength: 2, maxLength: 12 }),
        within(async (drawn) => {
          const { ids, messages } = anew(drawn);
          const sent = messages.map(({ path, bytes }) => peerTo('node2').call(path, bytes));
          for (const answered of sent) answered.catch(() => undefined);
          await Promise.all(sent.filter((_, index) => !WAITING.includes(messages[index]?.path ?? '')));
          await callOff(peerTo('node2'), ids);
          await Promise.all(sent);
          await assertUnchanged();
        }),
      ),
      runs(30),
    );
  }).timeout(FUZZ_TIMEOUT_MS);

  it('a tunnel that begins with anything and goes on with anything', async () => {
    await fc.assert(
      fc.asyncProperty(
        tunnelMessages,
        within(async (messages) => {
          assert.equal(await peerTo('node1').stream(`${BULK}/Tunnel`, messages), false);
        }),
      ),
      runs(60),
    );
    await assertUnchanged();
  }).timeout(FUZZ_TIMEOUT_MS);

  it('bytes that are no TLS, and none at all', async () => {
    const port = Number(mesh().node('node2').endpoint().split(':')[1]);
    const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
    await fc.assert(
      fc.asyncProperty(fc.oneof(fc.uint8Array({ maxLength: 300 }), fc.constant(preface)), async (bytes) => {
        await new Promise<void>((resolve) => {
          const socket = createConnection({ host: '127.0.0.1', port }, () => void socket.end(bytes));
          socket.on('error', () => undefined).on('close', () => resolve());
          socket.resume();
        });
      }),
      runs(30),
    );
    await assertUnchanged();
  }).timeout(FUZZ_TIMEOUT_MS);

  it('as many words as it likes are not kept', async () => {
    const before = heapBytes();
    const words = 'x'.repeat(4 * 2 ** 20);
    for (let number = 0; number < 8; number += 1) {
      const migration = `00000000-0000-4000-8001-${String(number).padStart(12, '0')}`;
      await peerTo('node2').call(`${HAND_OVER}/Offer`, offerOf(migration));
      const called = wire.CancelRequest.encode({ migration, reason: `${number}${words}` }).finish();
      await peerTo('node2').call(`${HAND_OVER}/Cancel`, called);
    }
    const kept = (mesh().node('node2').journal()[0]?.migration.error ?? '').length;
    assert.ok(kept > 0 && kept < 2_000, `${kept} letters`);
    const grown = heapBytes() - before;
    assert.ok(grown < 16 * 2 ** 20, `the heap has grown by ${grown}`);
    await assertUnchanged();
  }).timeout(FUZZ_TIMEOUT_MS);

  it('old migrations are forgotten, though none ever leaves', async () => {
    const node2 = mesh().node('node2');
    await node2.stop();
    for (let number = 0; number < 210; number += 1) {
      const ended = { ...migration, id: `old-${number}`, startTime: new Date(number).toISOString() };
      const entry = { version: 1, role: 'source', state: 'kept', peer: 'node3', settled: true, record } as const;
      const text = entryText({ ...entry, migration: ended });
      writeFileSync(join(node2.stateDir, 'migrations', `${ended.id}.json`), text);
    }
    await node2.begin();
    const id = randomUUID();
    await peerTo('node2').call(`${HAND_OVER}/Offer`, offerOf(id));
    await callOff(peerTo('node2'), [id]);
    await eventually('old ones are forgotten', () => node2.journal().length === 200);
    // Until then a peer may still find that it is down.
    await assertUnchanged();
  });

  it('the id of a migration that leaves from here', async () => {
    const node1 = mesh().node('node1');
    const seed = mesh().node('node2').host.plan.hold('bulk.pullDisk');
    const moving = node1.teleport(NAME, 'node2');
    await seed.reached;
    const [{ id } = { id: '' }] = await node1.migrations();
    const entry = mesh()
      .node('node1')
      .journal()
      .find(({ migration }) => migration.id === id);
    const refusal = peerTo('node1').call(`${HAND_OVER}/Offer`, offerOf(id));
    assert.equal(await refusal, undefined);
    assert.deepEqual(
      mesh()
        .node('node1')
        .journal()
        .find(({ migration }) => migration.id === id),
      entry,
    );
    const aborted = node1.abort(NAME);
    seed.goOn();
    await Promise.all([aborted, moving]);
    await assertUnchanged();
  });

  it('and a daemon that starts anew understands what was written meanwhile', async () => {
    for (const node of mesh().nodes) await node.stop();
    for (const node of mesh().nodes) await node.begin();
    await assertUnchanged();
  });
});

function offerOf(migration: string): Uint8Array {
  return wire.OfferRequest.encode({
    migration,
    record: JSON.stringify({ ...record, name: 'theirs', address: '10.100.7.7', owner: 'node3' }),
    epoch: 3n,
    mode: MigrationMode.COLD,
    landing: '',
    memoryBytes: 0n,
    diskBytes: 0n,
    source: toFacts(facts('node3')),
    dryRun: false,
    memoryMode: MemoryMode.UNSPECIFIED,
    compression: Compression.NONE,
    layers: [],
    evacuation: false,
  }).finish();
}

function heapBytes(): number {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
  return process.memoryUsage().heapUsed;
}
