import assert from 'node:assert/strict';
import type { Migration } from '../../../src/migration/migration.js';
import { migrationSpans } from '../../../src/telemetry/migration-spans.js';
import { migration } from '../../support/samples.js';
import { MIGRATION_ID } from '../watch/samples.js';

const moved: Migration = {
  ...migration,
  id: MIGRATION_ID,
  outcome: 'succeeded',
  startTime: '2026-01-01T00:00:00.000Z',
  phases: [
    { phase: 'negotiate', ms: 10 },
    { phase: 'seed', ms: 30 },
    { phase: 'freeze', ms: 60 },
  ],
  freezeParts: [
    { name: 'last disk pass', ms: 5 },
    { name: 'dump', ms: 20 },
    { name: 'dump', ms: 12 },
  ],
  totalMs: 100,
};
const idOf = (text: string) => text.slice(-6);

describe('the trace of a migration', () => {
  it('is one at both nodes, the target’s part below the source’s', () => {
    const source = migrationSpans(moved, idOf);
    const target = migrationSpans({ ...moved, role: 'target' }, idOf);
    assert.match(source.traceId, /^[0-9a-f]{32}$/);
    assert.equal(target.traceId, source.traceId);
    assert.deepEqual([source.parentId, target.parentId], [undefined, source.spanId]);
    assert.notEqual(target.spanId, source.spanId);
    assert.deepEqual([source.whole.name, target.whole.name], [`migrate ${moved.name}`, `receive ${moved.name}`]);
  });

  it('has its phases one after another, and the parts of the freeze with it', () => {
    const { whole, phases } = migrationSpans(moved, idOf);
    assert.equal(whole.endMs - whole.startMs, 100);
    assert.deepEqual(
      phases.map(({ name, startMs, endMs }) => [name, startMs - whole.startMs, endMs - whole.startMs]),
      [
        ['negotiate', 0, 10],
        ['seed', 10, 40],
        ['freeze', 40, 100],
      ],
    );
    assert.deepEqual(phases[2]?.attributes, { 'cnvm.freeze.last_disk_pass_ms': 5, 'cnvm.freeze.dump_ms': 20 });
    assert.equal(whole.attributes['cnvm.migration.outcome'], 'succeeded');
  });
});
