/** The mesh with peers that are not there: what it tells and hears, and what the overlay is told of it. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pino from 'pino';
import type { Holding } from '../../../src/mesh/directory.js';
import { createMesh } from '../../../src/mesh/mesh.js';
import type { MeshLink, Word } from '../../../src/mesh/mesh-port.js';
import type { MemberRecord, Message } from '../../../src/mesh/swim/words.js';
import type { OverlayCard } from '../../../src/overlay/tunnel.js';
import type { World } from '../../../src/overlay/world.js';
import { facts } from '../../support/samples.js';
import { temporary } from '../../support/temporary.js';

const holding = (name: string, epoch: number): Holding => ({
  name,
  address: '10.100.1.1',
  epoch,
  state: 'running',
  image: 'base@x',
});

const overlay = (letter: string): OverlayCard => ({
  key: `${letter.repeat(42)}A=`,
  nextKey: '',
  port: 51_820,
  mtu: 1_420,
});

const OLD: MeshLink = {
  describe: async () => facts('node2'),
  announce: async () => ({ holdings: [], overlay: overlay('o') }),
  exchange: async () => undefined,
  moveTo: () => undefined,
  close: () => undefined,
};

const recordOf = (name: string, letter: string, cardRevision: number): MemberRecord => {
  const { key, nextKey, port, mtu } = overlay(letter);
  return {
    ...{ name, state: 'alive', incarnation: 1, cardRevision, claimsRevision: cardRevision },
    claims: [holding(`of-${name}`, cardRevision)],
    card: {
      ...{ name, endpoint: '127.0.0.1:1', overlayAddress: '10.100.0.2', version: '1', protocolMin: 1, protocolMax: 1 },
      ...{ overlayKey: key, overlayNextKey: nextKey, overlayPort: port, overlayMtu: mtu },
      ...{ cordoned: false, strained: false },
      facts: {
        ...{ criuVersion: '4', runcVersion: '1', kernelRelease: '6', architecture: 'x64', cpuDigest: '', cpus: 1 },
        ...{ memoryModes: [], memoryTotalBytes: 1, memoryAvailableBytes: 1, loadCenti: 0, cnvmCount: 0 },
        landingZones: [],
      },
    },
  };
};

const push = (...records: MemberRecord[]): Message => ({ kind: 'push', incarnation: 1, words: [], records });

describe('a mesh with peers that are not there', () => {
  const directory = temporary();

  function meshWith(link: MeshLink, more: { worlds?: World[]; setBehind?: () => Promise<void>; own?: Holding[] } = {}) {
    const own = more.own ?? [holding('ours', 2)];
    return createMesh({
      ...{ node: 'node1', listen: '127.0.0.1:7443', advertise: undefined, seeds: [], probeMs: 20 },
      ...{ overlayNetwork: '10.100.0.0/16', overlayAddress: '10.100.0.1', file: join(directory(), 'peers.json') },
      peers: [{ name: 'node2', endpoint: '127.0.0.1:1', overlayAddress: '10.100.0.2' }],
      dial: () => link,
      ask: () => Promise.reject(new Error('nobody is asked without a name')),
      async setBehind(world) {
        more.worlds?.push(world);
        await more.setBehind?.();
      },
      isOut: () => false,
      overlayCard: () => overlay('w'),
      condition: () => ({ cordoned: false, strained: false }),
      holdings: () => own,
      facts: async () => facts('node1'),
      log: pino({ level: 'silent' }),
    });
  }

  it('tells one of the version before all that is owned here, and hears all that it owns', async () => {
    const told: Word[] = [];
    const worlds: World[] = [];
    const announce: MeshLink['announce'] = async (_, word) => {
      told.push(word);
      return { holdings: [holding('theirs', 4)], overlay: overlay('o') };
    };
    const mesh = meshWith({ ...OLD, announce }, { worlds });
    await mesh.start(7443);
    assert.deepEqual(told[0], { holdings: [holding('ours', 2)], overlay: overlay('w') });
    assert.equal(mesh.directory.ownerOf('theirs'), 'node2');
    assert.deepEqual(mesh.directory.rival({ name: 'theirs', epoch: 3 })?.node, 'node2');
    assert.equal(mesh.directory.rival({ name: 'theirs', epoch: 5 }), undefined);
    assert.ok(mesh.isComplete());
    assert.equal((await mesh.list()).find(({ name }) => name === 'node2')?.reach, 'up');
    // Again and again.
    while (told.length < 3) await sleep(20);
    assert.deepEqual(worlds.at(-1)?.peers[0]?.card, overlay('o'));
    await mesh.stop();
  });

  it('tells one that was never met of a change at once, and says who could not be told', async () => {
    let there = false;
    const told: Word[] = [];
    const own = [holding('ours', 2)];
    const announce: MeshLink['announce'] = async (_, word) => {
      if (!there) throw new Error('it is away');
      told.push(word);
      return { holdings: [], overlay: overlay('o') };
    };
    const exchange: MeshLink['exchange'] = () => Promise.reject(new Error('it does not answer'));
    const mesh = meshWith({ ...OLD, announce, exchange }, { own });
    await mesh.start(7443);
    assert.deepEqual(await mesh.tellAll(), { told: [], notTold: ['node2'] });
    there = true;
    own.push(holding('new', 1));
    mesh.directory.changed();
    while (told.length === 0) await sleep(1);
    assert.deepEqual(
      told[0]?.holdings.map(({ name }) => name),
      ['ours', 'new'],
    );
    assert.deepEqual(await mesh.tellAll(), { told: ['node2'], notTold: [] });
    await mesh.stop();
  });

  it('tells every member of a change itself, and the answer says that it was heard', async () => {
    const own = [holding('ours', 2)];
    const pushed: Message[] = [];
    let mute = false;
    const exchange: MeshLink['exchange'] = async (message) => {
      if (mute) throw new Error('it does not answer');
      if (message.kind === 'push') pushed.push(message);
      return { kind: 'taken', incarnation: 1, words: [] };
    };
    const mesh = meshWith({ ...OLD, exchange }, { own });
    await mesh.start(7443);
    await mesh.asked('node2', push(recordOf('node2', 'a', 7)));
    own.push(holding('new', 1));
    mesh.directory.changed();
    while (pushed.length === 0) await sleep(1);
    const [record] = pushed[0]?.records ?? [];
    assert.deepEqual(
      record?.claims.map(({ name }) => name),
      ['ours', 'new'],
    );
    assert.equal(record?.card.overlayKey, overlay('w').key);
    assert.deepEqual(await mesh.tellAll(), { told: ['node2'], notTold: [] });
    mute = true;
    assert.deepEqual(await mesh.tellAll(), { told: [], notTold: ['node2'] });
    await mesh.stop();
  });

  it('opens a way only to a key that the peer has told itself, and keeps it over what others say', async () => {
    const worlds: World[] = [];
    const mesh = meshWith({ ...OLD, exchange: () => Promise.reject(new Error('silent')) }, { worlds });
    await mesh.start(7443);
    const cardOf = (name: string) => worlds.at(-1)?.peers.find((peer) => peer.name === name)?.card;
    await mesh.asked('node3', push(recordOf('node3', 'c', 7), recordOf('node2', 'x', 7)));
    assert.deepEqual(cardOf('node3'), overlay('c'));
    assert.equal(cardOf('node2'), undefined);
    await mesh.asked('node2', push(recordOf('node2', 'b', 8)));
    assert.deepEqual(cardOf('node2'), overlay('b'));
    await mesh.asked('node3', push(recordOf('node3', 'c', 7), recordOf('node2', 'x', 9)));
    assert.deepEqual(cardOf('node2'), overlay('b'));
    // What it said before, and what came late.
    await mesh.asked('node2', push(recordOf('node2', 'a', 10)));
    await mesh.asked('node2', push(recordOf('node2', 'b', 8)));
    assert.deepEqual(cardOf('node2'), overlay('a'));
    assert.equal(mesh.directory.rival({ name: 'of-node2', epoch: 1 })?.epoch, 10);
    await mesh.stop();
  });

  it('is not complete while it knows of a peer only that it is there', async () => {
    const mesh = meshWith({ ...OLD, exchange: () => Promise.reject(new Error('silent')) });
    await mesh.start(7443);
    const { name, incarnation, card } = recordOf('node2', 'b', 7);
    const words = [{ kind: 'card', name, incarnation, revision: 7, card } as const];
    await mesh.asked('node3', { ...push(recordOf('node3', 'c', 7)), words });
    assert.deepEqual(
      (await mesh.list()).map(({ state }) => state),
      ['alive', 'alive', 'alive'],
    );
    assert.ok(!mesh.isComplete());
    await mesh.asked('node3', push(recordOf('node2', 'b', 7)));
    assert.ok(mesh.isComplete());
    await mesh.stop();
  });

  it('that starts anew knows the way to all it has met, before it hears of them', async () => {
    const silent: MeshLink = { ...OLD, exchange: () => Promise.reject(new Error('silent')) };
    const mesh = meshWith(silent);
    await mesh.start(7443);
    await mesh.asked('node3', push(recordOf('node3', 'c', 7)));
    await mesh.stop();
    const worlds: World[] = [];
    const next = meshWith(silent, { worlds });
    await next.moved('a', 'node3', 1);
    const found = worlds[0]?.peers.find(({ name }) => name === 'node3');
    assert.deepEqual(found, { name: 'node3', address: '10.100.0.2', host: '127.0.0.1', card: undefined });
    await next.stop();
  });

  it('does not answer that it was heard when no way could be made of it', async () => {
    let fails = false;
    const setBehind = async () => {
      if (fails) throw new Error('ip has failed');
    };
    const mesh = meshWith({ ...OLD, exchange: () => Promise.reject(new Error('silent')) }, { setBehind });
    await mesh.start(7443);
    await mesh.asked('node2', push(recordOf('node2', 'a', 7)));
    fails = true;
    await assert.rejects(mesh.asked('node2', push(recordOf('node2', 'b', 8))), /ip has failed/);
    await mesh.stop();
  });
});
