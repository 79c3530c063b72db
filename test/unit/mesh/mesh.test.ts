/** The mesh with peers that are not there: what it does about one that is of the version before. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pino from 'pino';
import type { Holding } from '../../../src/mesh/directory.js';
import { createMesh, type MeshLink } from '../../../src/mesh/mesh.js';
import { facts } from '../../support/samples.js';
import { temporary } from '../../support/temporary.js';

const holding = (name: string, epoch: number): Holding => ({
  name,
  address: '10.100.1.1',
  epoch,
  state: 'running',
  image: 'base@x',
});

describe('a mesh with a peer of the version before', () => {
  const directory = temporary();

  it('tells it all that is owned here, and hears all that it owns', async () => {
    const told: (readonly Holding[])[] = [];
    const old: MeshLink = {
      describe: async () => facts('node2'),
      announce: async (_, holdings) => {
        told.push(holdings);
        return [holding('theirs', 4)];
      },
      exchange: async () => undefined,
      moveTo: () => undefined,
      close: () => undefined,
    };
    const mesh = createMesh({
      ...{ node: 'node1', listen: '127.0.0.1:7443', advertise: undefined, seeds: [], probeMs: 20 },
      ...{ overlayNetwork: '10.100.0.0/16', overlayAddress: '10.100.0.1', file: join(directory(), 'peers.json') },
      peers: [{ name: 'node2', endpoint: '127.0.0.1:1', overlayAddress: '10.100.0.2' }],
      dial: () => old,
      ask: () => Promise.reject(new Error('nobody is asked without a name')),
      setBehind: async () => undefined,
      holdings: () => [holding('ours', 2)],
      facts: async () => facts('node1'),
      log: pino({ level: 'silent' }),
    });
    await mesh.start(7443);
    assert.deepEqual(told[0], [holding('ours', 2)]);
    assert.equal(mesh.directory.ownerOf('theirs'), 'node2');
    assert.deepEqual(mesh.directory.rival({ name: 'theirs', epoch: 3 })?.node, 'node2');
    assert.equal(mesh.directory.rival({ name: 'theirs', epoch: 5 }), undefined);
    assert.ok(mesh.isComplete());
    assert.equal((await mesh.list()).find(({ name }) => name === 'node2')?.reach, 'up');
    // Again and again.
    while (told.length < 3) await sleep(20);
    await mesh.stop();
  });
});
