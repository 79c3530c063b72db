import assert from 'node:assert/strict';
import { watchChanges } from '../../../src/migration/last-pass.js';
import type { SourceRun } from '../../../src/migration/source-run.js';

describe('the watch of a disk', () => {
  function run(watchDisk: (flushedMs: number) => Promise<void>, more: Partial<SourceRun> = {}) {
    const logged: string[] = [];
    const abort = new AbortController();
    const ports = { log: { info: (_: unknown, words: string) => void logged.push(words) } };
    const made = { ports, outgoing: { watchDisk }, flushedMs: 5, running: true, signal: abort.signal, ...more };
    return { run: made as unknown as SourceRun, abort, logged };
  }

  it('is waited for', async () => {
    const asked: number[] = [];
    const { run: made, logged } = run(async (flushedMs) => void asked.push(flushedMs));
    await watchChanges(made);
    assert.deepEqual([asked, logged], [[5], []]);
  });

  it('that cannot be is told of, and nothing fails', async () => {
    const { run: made, logged } = run(() => Promise.reject(new Error('no traces here')));
    await watchChanges(made);
    assert.deepEqual(logged, ['what changes on the disk is not watched']);
  });

  it('is not waited for any more when the migration is called off', async () => {
    const { run: made, abort } = run(() => new Promise(() => undefined));
    const watching = watchChanges(made);
    abort.abort();
    await watching;
  });

  it('is none of what is stopped, or of what no time says anything', async () => {
    const never = () => assert.fail('it is watched');
    await watchChanges(run(never, { running: false }).run);
    await watchChanges(run(never, { flushedMs: 0 }).run);
  });
});
