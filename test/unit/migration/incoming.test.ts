import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { pullSeed } from '../../../src/migration/incoming.js';
import type { TargetRun } from '../../../src/migration/receive.js';

const MIB = 1024 * 1024;

describe('the seed of a disk', () => {
  function run(bytes: number, flush: () => Promise<void>, end = () => Promise.resolve()) {
    const bulk = {
      flush,
      pullDisk: async (_: string, __: string, connect: () => PassThrough) => {
        connect().write(Buffer.alloc(bytes));
        await new Promise((resolve) => setImmediate(resolve));
        await end();
      },
    };
    const made = {
      ports: { bulk, machine: { diskDirectory: () => '/disk' } },
      report: { migration: { id: 'm' }, bytes: () => undefined },
      source: { link: { tunnel: () => new PassThrough() } },
      signal: new AbortController().signal,
    };
    return made as unknown as TargetRun;
  }

  it('is on disk when it is whole; a small one may come to be later', async () => {
    const flushed: string[] = [];
    const flush = async () => void flushed.push('flushed');
    assert.equal(await pullSeed(run(64 * MIB, flush)), 64 * MIB);
    assert.deepEqual(flushed, ['flushed']);
    assert.equal(await pullSeed(run(MIB, flush)), MIB);
    assert.deepEqual(flushed, ['flushed']);
  });

  it('fails when it did not come, or when the disk fails', async () => {
    const broken = () => Promise.reject(new Error('the stream broke'));
    await assert.rejects(pullSeed(run(MIB, async () => undefined, broken)), /the stream broke/);
    await assert.rejects(pullSeed(run(64 * MIB, () => Promise.reject(new Error('no disk')))), /no disk/);
  });
});
