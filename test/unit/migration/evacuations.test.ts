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

  it('go on cordoned when somebody else is just lifting the cordon', async () => {
    const cordon = openCordon('node1', join(directory(), 'cordon.json'));
    let goOn: () => void = () => undefined;
    const slow = new Promise<void>((resolve) => {
      goOn = resolve;
    });
    const options: Partial<EvacuationsOptions> = {
      ...{ node: 'node1', overlayNetwork: '10.100.0.0/16', cordon, nameOf: (peer) => peer },
      intent: openIntent('node1', join(directory(), 'intent.json')),
      // Somebody is at it all of the time: nothing begins, and nothing ends.
      ...{ records: () => [record], locked: () => [record.name], doubts: () => [], peers: () => [] },
      facts: async () => facts('node1'),
      audit: async ({ act }) => (act === 'uncordon' ? await slow : undefined),
      log: createLog({ level: 'fatal', pretty: false }, {}),
    };
    const evacuations = createEvacuations(options as EvacuationsOptions);
    await evacuations.cordon('work', 'ann');
    const lifting = assert.rejects(evacuations.uncordon(undefined, 'ann'), /node1 is being evacuated, by bob/);
    const order = { to: [], parallel: 1, deadlineMs: 60_000, dryRun: false, reason: 'work' };
    const gone = new AbortController();
    const story = evacuations.evacuate(order, { by: 'bob', detached: true, followOnly: false, signal: gone.signal });
    await story.next();
    goOn();
    await lifting;
    assert.notEqual(cordon.get(), undefined);
    evacuations.stop('bob');
    while (evacuations.runs()) await sleep(10);
    assert.equal(await evacuations.uncordon(undefined, 'ann'), true);
  });
});
