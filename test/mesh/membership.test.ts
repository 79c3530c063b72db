/** Who is there, by several real daemons: how they find each other, lose each other, and find each other again. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as wire from '../../src/gen/cnvm/peer/v1/peer.js';
import { MemberCard, MemberMessage } from '../../src/gen/cnvm/peer/v1/peer.js';
import { openHostilePeer } from './hostile-peer.js';
import { type MeshNode, type MeshOfDaemons, startMesh } from './mesh-of-daemons.js';
import { openOperator } from './operator.js';
import { assertAtRest, eventually, NAME, ownerBy, testMesh } from './support.js';

const EXCHANGE = '/cnvm.peer.v1.MembershipService/Exchange';
/** A suspicion that few share takes its time. */
const DEATH_MS = 30_000;

async function all(node: MeshNode, states: readonly string[], withinMs = DEATH_MS): Promise<void> {
  await eventually(
    `${node.name} says ${states.join()}`,
    async () => (await node.states()).join() === states.join(),
    withinMs,
  ).catch(() => undefined);
  assert.deepEqual(await node.states(), states, `by ${node.name}`);
}

describe('nodes that know nobody', () => {
  let mesh: MeshOfDaemons;
  beforeEach(async () => {
    mesh = await startMesh(['node1', 'node2', 'node3', 'node4'], { apart: true });
  });
  afterEach(async () => mesh.stop());

  it('join by one address, learn of all, leave, come back, and remember', async () => {
    const [node1, node2, node3, node4] = ['node1', 'node2', 'node3', 'node4'].map((name) => mesh.node(name));
    assert.ok(node1 && node2 && node3 && node4);
    assert.deepEqual(await node1.states(), []);
    assert.equal(await node2.join(node1.endpoint()), 'node1');
    assert.equal(await node3.join(node2.endpoint()), 'node2');
    assert.equal(await node4.join(node1.endpoint()), 'node1');
    for (const node of mesh.nodes)
      await all(
        node,
        mesh.nodes.filter((one) => one !== node).map(({ name }) => `${name} alive`),
      );
    await node4.create(NAME);
    await eventually('all know of it', async () => (await ownerBy(node1, NAME)) === 'node4 at 1');
    assert.equal((await node1.inspect(NAME))?.owner, 'node4');
    await assert.rejects(node4.leave(), /owns 1 cnvms/);
    await node4.remove(NAME);
    await node4.leave();
    for (const node of [node1, node2, node3]) {
      await eventually('it has left', async () => (await node.states()).includes('node4 left'));
      await eventually('no way leads to it', async () => !node.host.overlayPeers().includes('node4'));
    }
    await node4.join(node3.endpoint());
    await all(node1, ['node2 alive', 'node3 alive', 'node4 alive']);
    await eventually('a way leads to it again', async () => node1.host.overlayPeers().includes('node4'));
    // A daemon that is told to stop has said no good-bye, and finds the others by what it remembers.
    const kept = () => {
      const text = readFileSync(join(node3.stateDir, 'peers.json'), 'utf8');
      return (JSON.parse(text) as { peers: { name: string }[] }).peers.map(({ name }) => name).join(' ');
    };
    await eventually('it has met all', async () => kept() === 'node1 node2 node4');
    await node3.stop();
    assert.equal(kept(), 'node1 node2 node4');
    await all(node1, ['node2 alive', 'node3 dead', 'node4 alive']);
    await node3.begin();
    for (const node of [node1, node3])
      await eventually(
        'they are one',
        async () => (await node.states()).every((one) => one.endsWith('alive')),
        DEATH_MS,
      );
  }).timeout(90_000);

  it('are told when nobody answers where they want to join', async () => {
    await assert.rejects(mesh.node('node1').join('127.0.0.1:1'), /no node of the mesh answers at 127.0.0.1:1/);
  });
});

describe('a mesh', () => {
  const mesh = testMesh(['node1', 'node2', 'node3']);

  it('knows of a daemon that dies, everywhere, and of its return', async () => {
    const [node1, node2, node3] = ['node1', 'node2', 'node3'].map((name) => mesh().node(name));
    assert.ok(node1 && node2 && node3);
    node3.crash();
    await all(node1, ['node2 alive', 'node3 dead']);
    await all(node2, ['node1 alive', 'node3 dead']);
    await node3.begin();
    for (const node of [node1, node2])
      await eventually('it is back', async () => (await node.states()).includes('node3 alive'), DEATH_MS);
  }).timeout(90_000);

  it('that is cut in two heals by itself, though each side was dead to the other', async () => {
    const [node1, node2, node3] = ['node1', 'node2', 'node3'].map((name) => mesh().node(name));
    assert.ok(node1 && node2 && node3);
    await node3.create(NAME);
    mesh().cut('node1', 'node3');
    mesh().cut('node2', 'node3');
    await all(node1, ['node2 alive', 'node3 dead']);
    await all(node3, ['node1 dead', 'node2 dead']);
    // Both sides start anew meanwhile.
    await node3.stop();
    await node3.begin();
    await node1.stop();
    await node1.begin();
    mesh().heal('node1', 'node3');
    mesh().heal('node2', 'node3');
    await all(node1, ['node2 alive', 'node3 alive']);
    await all(node2, ['node1 alive', 'node3 alive']);
    await all(node3, ['node1 alive', 'node2 alive']);
    await assertAtRest(mesh(), NAME, 'node3', 1);
  }).timeout(90_000);

  it('one way that is cut is no death: the third one reaches it', async () => {
    mesh().cut('node1', 'node3');
    await new Promise((resolve) => setTimeout(resolve, 3_000));
    assert.deepEqual(await mesh().node('node2').states(), ['node1 alive', 'node3 alive']);
    const states = await mesh().node('node1').states();
    assert.ok(!states.includes('node3 dead'), states.join());
  });

  it('takes an order at any node: the owner does it, for who gave it', async () => {
    const [node1, node2, node3] = ['node1', 'node2', 'node3'].map((name) => mesh().node(name));
    assert.ok(node1 && node2 && node3);
    await node1.create(NAME);
    await eventually('node3 knows of it', async () => (await ownerBy(node3, NAME)) === 'node1 at 1');
    const ended = await node3.teleport(NAME, 'node2');
    assert.equal(ended.outcome, 'succeeded', ended.error);
    assert.ok(ended.steps.length > 0, 'what happened is told on the way');
    await assertAtRest(mesh(), NAME, 'node2', 2);
    await node1.stopCnvm(NAME);
    await assertAtRest(mesh(), NAME, 'node2', 2, 'stopped');
    await node3.start(NAME);
    await assertAtRest(mesh(), NAME, 'node2', 2);
    assert.equal((await node1.inspect(NAME))?.owner, 'node2');
    // No further than to who has it by the word of the first.
    await assert.rejects(node3.start('nobody'), /there is no cnvm nobody/);
    await node3.remove(NAME);
    await eventually('it is gone', async () => (await ownerBy(node1, NAME)) === 'nobody');
  });

  it('an old disk that comes back: its copy is neither started nor goes on, and the new one does', async () => {
    const [node1, node2] = [mesh().node('node1'), mesh().node('node2')];
    await node1.create(NAME);
    const old = readFileSync(join(node1.stateDir, 'cnvms', NAME, 'record.json'), 'utf8');
    assert.equal((await node1.teleport(NAME, 'node2')).outcome, 'succeeded');
    await node1.stop();
    node1.host.occupy(NAME);
    node1.keepRecord(NAME, old);
    // On a machine that is busy with other things an answer may take longer than these tests let it.
    await node1.begin([], { settle: 15 });
    assert.equal(node1.host.stateOf(NAME), 'stopped');
    assert.equal(node2.host.stateOf(NAME), 'running');
    const copies = (await node1.list()).filter(({ name }) => name === NAME);
    assert.deepEqual(copies.map(({ owner, epoch }) => `${owner} at ${epoch}`).sort(), ['node1 at 1', 'node2 at 2']);
    assert.match((await node1.inspect(NAME))?.conflict ?? '', /node2 has it at epoch 2/);
    await assert.rejects(node1.start(NAME), /node2 has it at epoch 2/);
    assert.equal(await ownerBy(mesh().node('node3'), NAME), 'node2 at 2');
    await node1.remove(NAME);
    assert.equal(node2.host.stateOf(NAME), 'running');
  });

  it('what goes on in a cnvm is seen and done from any node, by who may', async () => {
    const [node1, node3] = [mesh().node('node1'), mesh().node('node3')];
    await node1.create(NAME);
    await eventually('node3 knows of it', async () => (await ownerBy(node3, NAME)) === 'node1 at 1');
    assert.deepEqual(await node3.exec(NAME, ['echo', 'hello']), { code: 0, stdout: 'echo hello\n' });
    assert.equal(await node3.logs(NAME), 'booted\n');
    const reader = openOperator(node3.readerSocket);
    assert.equal((await reader.inspect(NAME))?.owner, 'node1');
    await assert.rejects(reader.exec(NAME, ['id']), /may not call/);
    await assert.rejects(reader.logs(NAME), /may not call/);
    await assert.rejects(reader.stopCnvm(NAME), /may not call/);
    assert.equal(node1.host.stateOf(NAME), 'running');
    // The owner's own error, and its own only.
    await node1.stopCnvm(NAME);
    await assert.rejects(node3.exec(NAME, ['id']), /stopped|not run/);
  });

  it('an old copy that was started while nobody could be asked stops when its owner is heard', async () => {
    const [node1, node2] = [mesh().node('node1'), mesh().node('node2')];
    await node1.create(NAME);
    const old = readFileSync(join(node1.stateDir, 'cnvms', NAME, 'record.json'), 'utf8');
    assert.equal((await node1.teleport(NAME, 'node2')).outcome, 'succeeded');
    // So that at no time two run.
    await node2.stopCnvm(NAME);
    await node1.stop();
    node1.host.occupy(NAME);
    node1.keepRecord(NAME, old);
    for (const other of ['node2', 'node3']) mesh().cut('node1', other);
    await node1.begin();
    assert.equal(node1.host.stateOf(NAME), 'running');
    for (const other of ['node2', 'node3']) mesh().heal('node1', other);
    await eventually('it has stopped', async () => node1.host.stateOf(NAME) === 'stopped', DEATH_MS);
    await assert.rejects(node1.start(NAME), /node2 has it at epoch 2/);
    await node2.start(NAME);
    assert.equal(node2.host.stateOf(NAME), 'running');
    await node1.remove(NAME);
    await assertAtRest(mesh(), NAME, 'node2', 2);
  }).timeout(60_000);

  it('of two claims at one epoch neither is started by itself, and all say so until one is gone', async () => {
    const [node1, node2, node3] = ['node1', 'node2', 'node3'].map((name) => mesh().node(name));
    assert.ok(node1 && node2 && node3);
    await node1.create(NAME);
    const record = readFileSync(join(node1.stateDir, 'cnvms', NAME, 'record.json'), 'utf8');
    await node3.stop();
    node3.host.occupy(NAME);
    node3.keepRecord(NAME, record.replaceAll('node1', 'node3'));
    await node3.begin([], { settle: 15 });
    assert.equal(node3.host.stateOf(NAME), 'stopped');
    assert.equal(node1.host.stateOf(NAME), 'running');
    for (const node of [node1, node2, node3])
      await eventually(`${node.name} says so`, async () => ((await node.inspect(NAME))?.conflict ?? '') !== '');
    // Nor is the one that ran, when its node comes up anew.
    await node1.stop();
    node1.host.reboot();
    await node1.begin([], { settle: 15 });
    assert.equal(node1.host.stateOf(NAME), 'stopped');
    assert.match((await node1.inspect(NAME))?.conflict ?? '', /node3 claims it at epoch 1 too/);
    await node3.remove(NAME);
    await eventually('it runs again', async () => node1.host.stateOf(NAME) === 'running');
    assert.equal((await node1.inspect(NAME))?.conflict, '');
    await assertAtRest(mesh(), NAME, 'node1', 1);
  }).timeout(60_000);

  it('of two claims at one epoch neither is started or moved by a person unawares; by force one becomes the owner', async () => {
    const [node1, node3] = ['node1', 'node3'].map((name) => mesh().node(name));
    assert.ok(node1 && node3);
    await node1.create(NAME);
    const record = readFileSync(join(node1.stateDir, 'cnvms', NAME, 'record.json'), 'utf8');
    await node3.stop();
    node3.host.occupy(NAME);
    node3.keepRecord(NAME, record.replaceAll('node1', 'node3'));
    await node3.begin([], { settle: 15 });
    await eventually('node1 says so', async () => ((await node1.inspect(NAME))?.conflict ?? '') !== '');
    await assert.rejects(node3.start(NAME), /cannot start .*: node1 claims it at epoch 1 too/);
    await assert.rejects(node1.teleport(NAME, 'node2'), /cannot migrate hot .*: node3 claims it at epoch 1 too/);
    assert.equal(node3.host.stateOf(NAME), 'stopped');
    await assert.rejects(node3.start(NAME, true), /by force: it is not stopped on node1/);
    assert.equal(node3.host.stateOf(NAME), 'stopped');
    await node1.stopCnvm(NAME);
    const heard = async () => (await node3.start(NAME, true).catch(() => 'refused')) === undefined;
    await eventually('node3 has heard of it', heard);
    assert.equal(node3.host.stateOf(NAME), 'running');
    await assert.rejects(node1.start(NAME), /node3 has it at epoch 2/);
    await node1.remove(NAME);
    await assertAtRest(mesh(), NAME, 'node3', 2);
  }).timeout(60_000);
});

describe('a member that lies', () => {
  const mesh = testMesh(['node1', 'node2', 'node3']);
  const huge = 2n ** 51n;
  const state = (name: string, said: wire.MemberState, incarnation: bigint): wire.MemberWord => ({
    word: { $case: 'state', value: { name, state: said, incarnation, by: 'node3' } },
  });
  const message = (more: Partial<MemberMessage>): Uint8Array =>
    wire.ExchangeRequest.encode({
      message: MemberMessage.fromPartial({
        kind: wire.MemberMessageKind.GOSSIP,
        incarnation: 1n,
        ...more,
      } as MemberMessage),
    }).finish();

  it('about others, about numbers, and as often as it can: all stay what they are', async () => {
    const [node1, node2] = [mesh().node('node1'), mesh().node('node2')];
    await node2.create(NAME);
    await eventually('node1 knows', async () => (await ownerBy(node1, NAME)) === 'node2 at 1');
    const liar = openHostilePeer(mesh().node('node3'), node1);
    const holding = { name: NAME, address: '10.100.101.111', epoch: 99n, state: 'running', image: 'base@sha256:aa' };
    const card = MemberCard.encode(
      MemberCard.fromPartial({
        name: 'node2',
        endpoint: '127.0.0.1:1',
        overlayAddress: '10.100.0.2',
        protocolMin: 1,
        protocolMax: 1,
        facts: {},
      }),
    ).finish();
    const { DEAD, LEFT, SUSPECT, ALIVE } = wire.MemberState;
    const words: wire.MemberWord[] = [
      state('node2', DEAD, 1n),
      state('node2', LEFT, 1n),
      state('node2', SUSPECT, 2n),
      state('node2', ALIVE, huge),
      state('node1', DEAD, 1n),
      state('node1', ALIVE, huge),
      state('../x', ALIVE, 1n),
      { word: { $case: 'card', value: { name: 'node2', incarnation: 3n, revision: huge * 2n, card } } },
      { word: { $case: 'card', value: { name: 'node9', incarnation: 3n, revision: 1n, card } } },
      { word: { $case: 'claims', value: { name: 'node2', base: 0n, revision: huge, changed: [], removed: [] } } },
      {
        word: {
          $case: 'claims',
          value: { name: 'node3', base: 0n, revision: 5n, changed: [{ ...holding, address: '8.8.8.8' }], removed: [] },
        },
      },
    ];
    for (let round = 0; round < 3; round += 1) await liar.call(EXCHANGE, message({ words }));
    await liar.call(EXCHANGE, message({ kind: wire.MemberMessageKind.REACH, target: 'node2' }));
    await liar.call(
      EXCHANGE,
      message({ kind: wire.MemberMessageKind.DIGEST, digests: Array.from({ length: 7 }, () => 1) }),
    );
    await liar.call(EXCHANGE, message({ kind: 99 as never }));
    const flood = Array.from({ length: 900 }, () => liar.call(EXCHANGE, message({})));
    const refused = (await Promise.all(flood)).filter((answer) => answer === undefined).length;
    assert.ok(refused > 100, `${refused} of a flood were refused`);
    liar.close();
    for (const node of mesh().nodes) await node.hearsAll();
    await eventually(
      'all are alive',
      async () => {
        const states = await Promise.all(mesh().nodes.map((node) => node.states()));
        return states.flat().every((one) => one.endsWith(' alive'));
      },
      DEATH_MS,
    );
    await assertAtRest(mesh(), NAME, 'node2', 1);
    assert.deepEqual(await node1.states(), ['node2 alive', 'node3 alive']);
  }).timeout(90_000);

  it('that it owns what runs here, at a higher epoch: it is asked itself, and goes on here', async () => {
    const node1 = mesh().node('node1');
    await node1.create(NAME);
    const liar = openHostilePeer(mesh().node('node3'), node1);
    const holding = { name: NAME, address: '10.100.101.111', epoch: 99n, state: 'running', image: 'base@sha256:aa' };
    const revision = BigInt(Date.now()) + 1_000_000n;
    await liar.call(
      EXCHANGE,
      message({
        words: [
          { word: { $case: 'claims', value: { name: 'node3', base: 0n, revision, changed: [holding], removed: [] } } },
        ],
      }),
    );
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    liar.close();
    assert.equal(node1.host.stateOf(NAME), 'running');
    await eventually(
      'node3 is believed again',
      async () => (await ownerBy(mesh().node('node2'), NAME)) === 'node1 at 1',
    );
  });
});
