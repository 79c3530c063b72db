import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import type { CnvmError } from '../../../src/base/errors.js';
import { PHASES } from '../../../src/migration/migration.js';
import { createReport } from '../../../src/migration/report.js';
import { overdue, watch } from '../../../src/migration/watchdog.js';
import { migration } from '../../support/samples.js';

const limits = { stallMs: 1_000, seedMs: 10_000, precopyMs: 20_000, freezeMs: 5_000 };

describe('the watchdog', () => {
  it('lets go on what moves and is in time', () => {
    for (const phase of PHASES) assert.equal(overdue({ phase, phaseMs: 4_000, silentMs: 900 }, limits), undefined);
  });

  it('ends a phase that takes too long, though it moves', () => {
    const why = (phase: 'seed' | 'precopy' | 'freeze') => overdue({ phase, phaseMs: 30_000, silentMs: 0 }, limits);
    assert.match(why('seed') ?? '', /"seed" takes longer than 10 s/);
    assert.match(why('precopy') ?? '', /"precopy" takes longer than 20 s/);
    assert.match(why('freeze') ?? '', /"freeze" takes longer than 5 s/);
  });

  it('ends one that does not move', () => {
    assert.match(
      overdue({ phase: 'freeze', phaseMs: 1_500, silentMs: 1_500 }, limits) ?? '',
      /nothing has moved for 1 s in the phase "freeze"/,
    );
  });

  it('ends nothing from the hand-over on, however long it takes', () => {
    for (const phase of ['hand-over', 'activate', 'release'] as const)
      assert.equal(overdue({ phase, phaseMs: 10 ** 9, silentMs: 10 ** 9 }, limits), undefined);
  });

  it('gives up once, and not while bytes come', async () => {
    const report = createReport(migration, () => undefined);
    const given: CnvmError[] = [];
    report.phase('seed');
    const stop = watch(report, { ...limits, stallMs: 600 }, (why) => given.push(why));
    for (let times = 0; times < 6; times += 1) {
      await sleep(200);
      report.bytes(1);
    }
    assert.deepEqual(given, []);
    await sleep(1_700);
    stop();
    report.end('aborted', 'node1');
    assert.deepEqual(
      given.map(({ code }) => code),
      ['aborted'],
    );
  });
});
