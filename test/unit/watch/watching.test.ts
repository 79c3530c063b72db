import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { pino } from 'pino';
import type { WatchedCnvm } from '../../../src/watch/happenings.js';
import { createWatching, type Watched } from '../../../src/watch/watching.js';
import { watchedCnvm } from './samples.js';

/** A node without peers, whose cnvms a test changes. */
function watched() {
  const own = new Map<string, WatchedCnvm>();
  let heard: () => void = () => undefined;
  let looks = 0;
  const mesh = {
    members: () => ({ own: undefined, others: [] }),
    peers: () => [],
    directory: { elsewhere: () => [] },
    onHeard: (listener: () => void) => {
      heard = listener;
    },
  };
  const watching = createWatching({
    node: 'node1',
    mesh,
    cnvms: () => {
      looks += 1;
      return Promise.resolve([...own.values()]);
    },
    migrations: () => [],
    log: pino({ level: 'silent' }),
  });
  return { own, watching, heard: () => heard(), looks: () => looks };
}

const EVERYTHING = { kinds: [], name: '' };

async function next(stream: AsyncGenerator<Watched>): Promise<Watched> {
  const { value, done } = await stream.next();
  assert.ok(!done);
  return value;
}

describe('the watch at one node', () => {
  it('holds nothing up for a reader that is slow: it is told how much it lost, and how it stands now', async () => {
    const { own, watching } = watched();
    const gone = new AbortController();
    const [slow, quick] = [watching.watch(EVERYTHING, gone.signal), watching.watch(EVERYTHING, gone.signal)];
    assert.equal((await next(slow)).kind, 'snapshot');
    assert.equal((await next(quick)).kind, 'snapshot');
    for (let at = 0; at < 1_500; at += 1) own.set(`cnvm-${at}`, watchedCnvm(`cnvm-${at}`));
    watching.kick();
    await sleep(400);
    // Who reads gets them in turn from here on; who did not is told.
    const lost = await next(slow);
    assert.deepEqual(lost, { kind: 'lost', count: 1_500 });
    const again = await next(slow);
    assert.equal(again.kind === 'snapshot' && again.standing.cnvms.size, 1_500);
    own.delete('cnvm-7');
    watching.kick();
    const event = await next(slow);
    assert.equal(event.kind === 'happening' && event.happening.change, 'removed');
    gone.abort(new Error('gone'));
    await assert.rejects(next(slow), /gone/);
    watching.stop();
  });

  it('looks at nothing before somebody watches', async () => {
    const { watching, looks, heard } = watched();
    watching.kick();
    heard();
    await sleep(50);
    assert.equal(looks(), 0);
    watching.stop();
  });

  it('ends for those who watch when it stops, and takes at most 200 at once', async () => {
    const { watching } = watched();
    const never = new AbortController().signal;
    const all = Array.from({ length: 200 }, () => watching.watch(EVERYTHING, never));
    for (const one of all) assert.equal((await next(one)).kind, 'snapshot');
    await assert.rejects(next(watching.watch(EVERYTHING, never)), /200 watch node1 already/);
    const waiting = next(all[0] as AsyncGenerator<Watched>);
    watching.stop();
    await assert.rejects(waiting, /shutting down/);
  });
});
