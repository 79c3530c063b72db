/** The figures of daemons, as Prometheus reads them over HTTP. */
import assert from 'node:assert/strict';
import { eventually, NAME, testMesh } from './support.js';

describe('the figures', () => {
  const mesh = testMesh(['node1', 'node2'], 'each', { metrics: true });

  async function figure(node: string, name: string): Promise<number | undefined> {
    const response = await fetch(mesh().node(node).metricsUrl());
    assert.equal(response.status, 200);
    assert.match(response.headers.get('content-type') ?? '', /^text\/plain; version=0\.0\.4/);
    const line = (await response.text()).split('\n').find((one) => one.startsWith(`${name} `));
    return line === undefined ? undefined : Number(line.split(' ').at(-1));
  }

  it('are of a migration at both of its nodes, and of what each has then', async () => {
    await mesh().node('node1').create(NAME);
    assert.equal(await figure('node1', 'cnvm_cnvms{state="running"}'), 1);
    // A busy machine has the living suspected now and then.
    await eventually('both alive', async () => (await figure('node1', 'cnvm_mesh_members{state="alive"}')) === 2);
    assert.equal((await mesh().node('node1').teleport(NAME, 'node2')).outcome, 'succeeded');
    await eventually('the count at the target', async () => {
      return (await figure('node2', 'cnvm_migrations_total{role="target",outcome="succeeded"}')) === 1;
    });
    assert.equal(await figure('node1', 'cnvm_migrations_total{role="source",outcome="succeeded"}'), 1);
    assert.equal(await figure('node1', 'cnvm_migration_downtime_seconds_count{mode="hot"}'), 1);
    assert.ok(((await figure('node1', 'cnvm_migration_downtime_seconds_sum{mode="hot"}')) ?? 0) > 0);
    assert.equal(await figure('node1', 'cnvm_cnvms{state="running"}'), 0);
    assert.equal(await figure('node2', 'cnvm_cnvms{state="running"}'), 1);
  });

  it('count what was rolled back', async () => {
    await mesh().node('node1').create(NAME);
    mesh().node('node1').host.plan.fail('machine.freeze', 'before');
    assert.equal((await mesh().node('node1').teleport(NAME, 'node2')).outcome, 'aborted');
    assert.equal(await figure('node1', 'cnvm_migrations_total{role="source",outcome="aborted"}'), 1);
  });

  it('are all that is served there', async () => {
    const url = mesh().node('node1').metricsUrl();
    assert.equal((await fetch(url.replace('/metrics', '/'))).status, 404);
    assert.equal((await fetch(url, { method: 'POST' })).status, 405);
    const certificateEnd = await figure('node1', 'cnvm_certificate_end_timestamp_seconds');
    assert.ok((certificateEnd ?? 0) > Date.now() / 1000);
  });

  it('are gone with the daemon', async () => {
    const url = mesh().node('node2').metricsUrl();
    await mesh().node('node2').stop();
    await assert.rejects(fetch(url));
    await mesh().node('node2').begin();
  });
});
