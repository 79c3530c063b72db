import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import type { Bulk } from '../../../src/migration/bulk.js';
import { createOutgoing } from '../../../src/migration/outgoing.js';

const disk = { channel: 'disk', round: 0 } as const;

describe('what leaves', () => {
  /** Serves until the stream has gone. */
  function outgoing() {
    const served: string[] = [];
    const bulk: Pick<Bulk, 'serveDisk' | 'sweep'> = {
      async serveDisk(_, directory, stream, free) {
        served.push(`asked for ${directory}`);
        void free.then(() => served.push('free'));
        await new Promise((resolve) => stream.once('close', resolve));
      },
      sweep: async () => undefined,
    };
    const made = createOutgoing({
      ...{ migration: 'm', to: 'node2', disk: '/disk', onBytes: () => undefined },
      bulk: bulk as Bulk,
    });
    return { ...made, served };
  }

  it('is nothing any more when it was closed: who asks then is refused, and nothing is started', async () => {
    const { tunnel, close, served } = outgoing();
    const before = tunnel(disk, new PassThrough());
    await close();
    await before;
    await assert.rejects(tunnel(disk, new PassThrough()), /the migration has ended/);
    assert.deepEqual(
      served.filter((what) => what !== 'free'),
      ['asked for /disk'],
    );
  });

  it('waits with the disk while it is held', async () => {
    const { tunnel, close, holdDisk, releaseDisk, served } = outgoing();
    holdDisk();
    const serving = tunnel(disk, new PassThrough());
    await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual(served, ['asked for /disk']);
    releaseDisk();
    await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual(served, ['asked for /disk', 'free']);
    await close();
    await serving;
  });
});
