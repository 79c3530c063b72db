import assert from 'node:assert/strict';
import { Duplex, PassThrough } from 'node:stream';
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
        stream.on('error', () => undefined);
        await new Promise((resolve) => stream.once('close', resolve));
        if (stream.errored) throw stream.errored;
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

  it('is closed after a watch that was just being begun, which is ended with all else', async () => {
    const steps: string[] = [];
    let begun: () => void = () => undefined;
    const bulk: Pick<Bulk, 'watchDisk' | 'sweep'> = {
      watchDisk: (_, __, ___, signal) =>
        new Promise((resolve) => {
          signal.addEventListener('abort', () => steps.push('called off'));
          begun = () => {
            steps.push('watched');
            resolve();
          };
        }),
      sweep: async () => void steps.push('swept'),
    };
    const made = createOutgoing({
      ...{ migration: 'm', to: 'node2', disk: '/disk', onBytes: () => undefined },
      bulk: bulk as Bulk,
    });
    const watching = made.watchDisk(1);
    const closing = made.close();
    setImmediate(() => begun());
    await Promise.all([watching, closing]);
    assert.deepEqual(steps, ['called off', 'watched', 'swept']);
  });

  it('waits with the disk while it is held', async () => {
    const { tunnel, close, holdDisk, releaseDisk, served } = outgoing();
    holdDisk();
    const serving = tunnel(disk, new PassThrough());
    await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual(served, ['asked for /disk']);
    releaseDisk(true);
    await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual(served, ['asked for /disk', 'free']);
    await close();
    await serving;
  });

  it('is no failure when it is nothing, and the target sends its waiting program off', async () => {
    const { tunnel, holdDisk, releaseDisk } = outgoing();
    for (const wanted of [true, false]) {
      holdDisk();
      const stream = new PassThrough();
      const serving = tunnel(disk, stream);
      releaseDisk(wanted);
      stream.destroy(new Error('sent off'));
      await (wanted ? assert.rejects(serving, /sent off/) : serving);
    }
  });

  it('are the pages of the latest round alone, and of earlier ones what it builds on', async () => {
    const closed: number[] = [];
    const bulk: Pick<Bulk, 'openImages' | 'openRound' | 'closeRound' | 'sweep'> = {
      openImages: async () => '/images',
      openRound: async (_, round) => `/images/${round}`,
      closeRound: async (_, round) => void closed.push(round),
      sweep: async () => undefined,
    };
    const made = createOutgoing({
      ...{ migration: 'm', to: 'node2', disk: '/disk', onBytes: () => undefined },
      bulk: bulk as Bulk,
    });
    const places = async (round: number, parent: number) => {
      const { imagesDir, parentDir } = await made.open({ round, parent }, 'wide');
      return [imagesDir, parentDir];
    };
    assert.deepEqual(await places(1, 0), ['/images/1', undefined]);
    assert.deepEqual(await places(2, 1), ['/images/2', '/images/1']);
    assert.deepEqual(await places(3, 2), ['/images/3', '/images/2']);
    assert.deepEqual(closed, [1]);
    await assert.rejects(made.tunnel({ channel: 'pages', round: 2 }, new PassThrough()), /round 2 are not to be had/);
    // The one before it broke.
    assert.deepEqual(await places(4, 0), ['/images/4', undefined]);
    assert.deepEqual(closed, [1, 2, 3]);
    await made.close();
  });

  it('tells that the target has left, when its page server hangs up before all pages have come', async () => {
    const bulk: Pick<Bulk, 'openImages' | 'sweep'> = {
      openImages: async () => '/images',
      sweep: async () => undefined,
    };
    const made = createOutgoing({
      ...{ migration: 'm', to: 'node2', disk: '/disk', onBytes: () => undefined },
      bulk: bulk as Bulk,
    });
    const { takePages } = await made.open({ round: 0, parent: 0 }, 'wide');
    const pages = new PassThrough();
    takePages(Duplex.from({ readable: new PassThrough(), writable: pages }));
    const answers = new PassThrough();
    const serving = made.tunnel(
      { channel: 'pages', round: 0 },
      Duplex.from({ readable: answers, writable: new PassThrough() }),
    );
    assert.equal(made.targetLeft(), false);
    answers.end();
    await serving;
    assert.equal(made.targetLeft(), true);
    await made.close();
  });
});
