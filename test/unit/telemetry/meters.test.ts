import assert from 'node:assert/strict';
import type { Migration } from '../../../src/migration/migration.js';
import { createMeters, type MeterPorts } from '../../../src/telemetry/meters.js';
import { migration } from '../../support/samples.js';
import { watchedCnvm } from '../watch/samples.js';

const moved: Migration = {
  ...migration,
  outcome: 'succeeded',
  phases: [
    { phase: 'seed', ms: 1_500 },
    { phase: 'freeze', ms: 120 },
  ],
  freezeMs: 210,
  totalMs: 2_000,
  memoryBytes: 4096,
  diskBytes: 100,
};

function meters(more: Partial<MeterPorts> = {}) {
  return createMeters({
    node: 'node1',
    members: () => ({ own: { version: '0.1.0' }, others: [{ state: 'alive' }, { state: 'dead' }] }),
    cnvms: () => Promise.resolve([watchedCnvm('web'), watchedCnvm('db', { state: 'in-doubt', conflict: 'two' })]),
    migrations: () => [migration, moved],
    certificateEndMs: () => 2_000_000,
    ...more,
  });
}

/** "name{labels} value" of all that begins so. */
async function lines(of: ReturnType<typeof createMeters>, name: string): Promise<string[]> {
  return (await of.registry.metrics()).split('\n').filter((line) => line.startsWith(name));
}

describe('the figures of a node', () => {
  it('say what it is, whom it sees, what it has, and what moves', async () => {
    const all = meters();
    assert.deepEqual(await lines(all, 'cnvm_build_info'), ['cnvm_build_info{node="node1",version="0.1.0"} 1']);
    assert.deepEqual(await lines(all, 'cnvm_mesh_members'), [
      'cnvm_mesh_members{state="alive"} 2',
      'cnvm_mesh_members{state="suspect"} 0',
      'cnvm_mesh_members{state="dead"} 1',
      'cnvm_mesh_members{state="left"} 0',
    ]);
    const cnvms = await lines(all, 'cnvm_cnvms');
    assert.ok(cnvms.includes('cnvm_cnvms{state="running"} 1') && cnvms.includes('cnvm_cnvms{state="in-doubt"} 1'));
    assert.ok(cnvms.includes('cnvm_cnvms_contested 1'), cnvms.join('\n'));
    assert.deepEqual(await lines(all, 'cnvm_migrations_running'), [
      'cnvm_migrations_running{role="source"} 1',
      'cnvm_migrations_running{role="target"} 0',
    ]);
    assert.deepEqual(await lines(all, 'cnvm_certificate_end'), ['cnvm_certificate_end_timestamp_seconds 2000']);
    assert.equal((await lines(all, 'process_resident_memory_bytes ')).length, 1);
  });

  it('measure a migration that left: its downtime, its freeze, its phases, its bytes', async () => {
    const all = meters();
    all.ended(moved);
    assert.deepEqual(await lines(all, 'cnvm_migration_downtime_seconds_sum'), [
      'cnvm_migration_downtime_seconds_sum{mode="hot"} 0.21',
    ]);
    const buckets = await lines(all, 'cnvm_migration_downtime_seconds_bucket');
    assert.ok(buckets.includes('cnvm_migration_downtime_seconds_bucket{le="0.2",mode="hot"} 0'), buckets.join('\n'));
    assert.ok(buckets.includes('cnvm_migration_downtime_seconds_bucket{le="0.3",mode="hot"} 1'));
    assert.deepEqual(await lines(all, 'cnvm_migration_freeze_seconds_sum'), ['cnvm_migration_freeze_seconds_sum 0.12']);
    assert.ok(
      (await lines(all, 'cnvm_migration_phase_seconds_sum')).includes(
        'cnvm_migration_phase_seconds_sum{role="source",phase="seed"} 1.5',
      ),
    );
    assert.ok(
      (await lines(all, 'cnvm_migration_bytes_total')).includes(
        'cnvm_migration_bytes_total{role="source",kind="memory"} 4096',
      ),
    );
    assert.deepEqual(await lines(all, 'cnvm_migration_duration_seconds_count'), [
      'cnvm_migration_duration_seconds_count 1',
    ]);
  });

  it('count every end by its outcome, from the first zero on, and measure only what was moved from here', async () => {
    const all = meters();
    const counted = async (role: string, outcome: string) =>
      (await lines(all, `cnvm_migrations_total{role="${role}",outcome="${outcome}"}`))[0]?.split(' ')[1];
    assert.equal(await counted('source', 'aborted'), '0');
    all.ended({ ...moved, outcome: 'aborted' });
    all.ended({ ...moved, outcome: 'in-doubt' });
    all.ended({ ...moved, role: 'target' });
    assert.deepEqual(
      [await counted('source', 'aborted'), await counted('source', 'in-doubt'), await counted('target', 'succeeded')],
      ['1', '1', '1'],
    );
    assert.deepEqual(await lines(all, 'cnvm_migration_downtime_seconds_count'), []);
    assert.deepEqual(await lines(all, 'cnvm_migration_freeze_seconds_count'), [
      'cnvm_migration_freeze_seconds_count 0',
    ]);
  });
});
