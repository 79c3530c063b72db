import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import type { MigrationEvent, Progress } from '../../../src/migration/migration.js';
import { createReport } from '../../../src/migration/report.js';
import { memoryRound, migration } from '../../support/samples.js';

describe('a report', () => {
  it('tells of a round what moves, what is left of it, and what is expected; and nothing of it in the next phase', async () => {
    const events: MigrationEvent[] = [];
    const report = createReport(migration, (event) => events.push(event));
    const latest = (): Progress => {
      const found = events.findLast((event) => event.kind === 'progress');
      if (found === undefined) throw new Error('no progress was told');
      return found.progress;
    };
    report.phase('precopy');
    assert.deepEqual([latest().round, latest().pagesDone], [0, 0]);
    report.round({ number: 2, bytesTotal: 4096 * 100, dirtyBytesPerSecond: 5_000 });
    report.know({ expectedDowntimeMs: 420 });
    report.bytes(4096 * 50);
    await sleep(300);
    const { round, pagesDone, bytesTotal, dirtyBytesPerSecond, expectedDowntimeMs } = latest();
    assert.deepEqual([round, pagesDone, bytesTotal], [2, 50, 4096 * 100]);
    assert.deepEqual([dirtyBytesPerSecond, expectedDowntimeMs], [5_000, 420]);
    const moving = events.flatMap((event) => (event.kind === 'progress' ? [event.progress] : []));
    assert.ok(moving.some(({ leftMs, bytesPerSecond }) => leftMs > 0 && bytesPerSecond > 0));
    report.memoryRound(memoryRound);
    report.phase('freeze');
    assert.deepEqual([latest().round, latest().bytesDone], [0, 0]);
    assert.deepEqual(report.end('succeeded', 'node2').memoryRounds, [memoryRound]);
  });
});
