import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { createLog } from '../../../src/base/log.js';
import { createUndo } from '../../../src/base/undo.js';
import { takenByForce } from '../../../src/migration/doubt.js';
import { handOver } from '../../../src/migration/migrate.js';
import type { CallLimits } from '../../../src/migration/peer-port.js';
import { createReport } from '../../../src/migration/report.js';
import type { SourceRun } from '../../../src/migration/source-run.js';
import { migration, record } from '../../support/samples.js';

describe('a hand-over that a person takes back by force', () => {
  /** Longer than from one question to the next. */
  const WHILE_MS = 1_200;

  /** @param handOver of a target that cannot be reached. */
  async function forcedRun(asked: (call: CallLimits) => Promise<never>): Promise<void> {
    let force: () => void = () => undefined;
    const forced = new Promise<ReturnType<typeof takenByForce>>((resolve) => {
      force = () => resolve(takenByForce(record.epoch, 'a person'));
    });
    const silent = () => Promise.reject(new Error('cannot be reached'));
    const run = {
      ...{ record, running: true, postCopy: false, forced, undo: createUndo(() => undefined) },
      report: createReport(migration, () => undefined),
      target: {
        name: 'node2',
        link: { handOver: (_: string, __: number, call: CallLimits) => asked(call), query: silent },
      },
      ports: {
        ...{ node: 'node1', keep: async () => undefined, announce: () => undefined },
        journal: { get: () => undefined },
        machine: { look: async () => ({ status: 'running', pid: 1 }) },
        log: createLog({ level: 'fatal', pretty: false }, {}),
      },
    } as unknown as SourceRun;
    const ended = assert.rejects(handOver(run), /taken back by force by a person; .* runs on node1 as before/);
    await sleep(50);
    force();
    await ended;
  }

  it('is not asked for any more', async () => {
    let calls = 0;
    await forcedRun(() => {
      calls += 1;
      return Promise.reject(new Error('cannot be reached'));
    });
    const before = calls;
    assert.ok(before > 0);
    await sleep(WHILE_MS);
    assert.equal(calls, before);
  });

  it('is not waited for either: the call that is on its way is called off', async () => {
    let signal: AbortSignal | undefined;
    await forcedRun((call) => {
      ({ signal } = call);
      return new Promise<never>(() => undefined);
    });
    assert.equal(signal?.aborted, true);
  });
});
