import assert from 'node:assert/strict';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createLog } from '../../../src/base/log.js';
import { openCordon } from '../../../src/mesh/cordon.js';
import { createEvacuations, type EvacuationsOptions } from '../../../src/migration/evacuations.js';
import { openIntent } from '../../../src/migration/intent.js';
import { facts, record } from '../../support/samples.js';
import { temporary } from '../../support/temporary.js';

describe('the evacuations of a node', () => {
  const directory = temporary();

  /** Of a node where somebody is at its one cnvm all of the time. @param slowAct what is not written down before `goOn`. */
  function open(slowAct: string) {
    const cordon = openCordon('node1', join(directory(), 'cordon.json'));
    let goOn: () => void = () => undefined;
    const slow = new Promise<void>((resolve) => {
      goOn = resolve;
    });
    const options: Partial<EvacuationsOptions> = {
      ...{ node: 'node1', overlayNetwork: '10.100.0.0/16', cordon, nameOf: (peer) => peer },
      intent: openIntent('node1', join(directory(), 'intent.json')),
      // Nothing begins, and nothing ends.
      ...{ records: () => [record], locked: () => [record.name], doubts: () => [], peers: () => [] },
      facts: async () => facts('node1'),
      audit: async ({ act }) => (act === slowAct ? await slow : undefined),
      log: createLog({ level: 'fatal', pretty: false }, {}),
    };
    return { evacuations: createEvacuations(options as EvacuationsOptions), cordon, goOn };
  }

  const order = { to: [], parallel: 1, deadlineMs: 60_000, dryRun: false, reason: 'work' };
  const askerOf = (by: string, signal = new AbortController().signal) => {
    return { by, detached: false, followOnly: false, signal };
  };

  it('go on when one who has only looked on leaves before they have begun', async () => {
    const { evacuations, goOn } = open('evacuate');
    const gone = new AbortController();
    const story = evacuations.evacuate(order, askerOf('bob'));
    const begun = story.next();
    const other = evacuations.evacuate(order, askerOf('ann', gone.signal));
    await other.next();
    const left = assert.rejects(other.next());
    await sleep(10);
    gone.abort();
    await left;
    goOn();
    await begun;
    await sleep(500);
    assert.equal(evacuations.runs(), true);
    evacuations.stop('bob');
    while (evacuations.runs()) await sleep(10);
  });

  it('go on cordoned when somebody else is just lifting the cordon', async () => {
    const { evacuations, cordon, goOn } = open('uncordon');
    await evacuations.cordon('work', 'ann');
    const lifting = assert.rejects(evacuations.uncordon(undefined, 'ann'), /node1 is being evacuated, by bob/);
    const story = evacuations.evacuate(order, askerOf('bob'));
    await story.next();
    goOn();
    await lifting;
    assert.notEqual(cordon.get(), undefined);
    evacuations.stop('bob');
    while (evacuations.runs()) await sleep(10);
    assert.equal(await evacuations.uncordon(undefined, 'ann'), true);
  });
});
