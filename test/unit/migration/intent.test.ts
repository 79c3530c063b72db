import assert from 'node:assert/strict';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Intent, leftOf, openIntent } from '../../../src/migration/intent.js';
import { temporary } from '../../support/temporary.js';

const BEGAN_MS = Date.parse('2026-01-02T03:04:05.000Z');
const intent: Intent = {
  ...{ to: ['node2'], parallel: 2, deadlineMs: 60_000, reason: 'a new kernel', by: 'ann' },
  since: new Date(BEGAN_MS).toISOString(),
};

describe('an evacuation on disk', () => {
  const directory = temporary();
  const file = () => join(directory(), 'evacuation.json');

  it('is found by every daemon until it is cleared', async () => {
    const first = openIntent('node1', file());
    assert.equal(first.get(), undefined);
    await first.clear();
    await first.set(intent);
    const second = openIntent('node1', file());
    assert.deepEqual([first.get(), second.get()], [intent, intent]);
    await second.clear();
    assert.equal(second.get(), undefined);
    assert.equal(existsSync(file()), false);
  });

  it('that cannot be read stops the daemon, which says what to do', () => {
    writeFileSync(file(), '{"to":"node2"}');
    assert.throws(() => openIntent('node1', file()), /does not say how node1 is being emptied/);
  });
});

describe('what is left of an evacuation', () => {
  const cases: [string, number, number | undefined][] = [
    ['at once: all of its time', 0, 60_000],
    ['later: the rest', 45_000, 15_000],
    ['at its deadline: nothing', 60_000, undefined],
    ['after its deadline: nothing', 3_600_000, undefined],
    ['when the clock was set back: no more than it had', -3_600_000, 60_000],
  ];
  for (const [what, passedMs, leftMs] of cases)
    it(what, () => {
      const { to, parallel, reason } = intent;
      const order = { to, parallel, reason, dryRun: false, deadlineMs: leftMs };
      assert.deepEqual(leftOf(intent, BEGAN_MS + passedMs), leftMs === undefined ? undefined : order);
    });
});
