/** Migrations as a collector of traces gets them from both of their nodes. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type MeshOfDaemons, startMesh } from './mesh-of-daemons.js';
import { eventually, NAME } from './support.js';

interface Span {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly status?: { readonly code?: number; readonly message?: string };
  readonly attributes: readonly { readonly key: string; readonly value: Record<string, unknown> }[];
}
interface Sent {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: Span['attributes'] };
    readonly scopeSpans: readonly { readonly spans: readonly Span[] }[];
  }[];
}

describe('the traces of migrations', () => {
  let collector: Server;
  let mesh: MeshOfDaemons;
  let sent: (Span & { readonly node: string })[] = [];

  beforeEach(async () => {
    sent = [];
    collector = createServer((request, response) => {
      let body = '';
      request.on('data', (chunk) => (body += chunk));
      request.on('end', () => {
        assert.equal(request.url, '/v1/traces');
        for (const { resource, scopeSpans } of (JSON.parse(body) as Sent).resourceSpans) {
          const node = resource.attributes.find(({ key }) => key === 'service.instance.id')?.value['stringValue'];
          for (const { spans } of scopeSpans) sent.push(...spans.map((span) => ({ ...span, node: String(node) })));
        }
        response.writeHead(200, { 'content-type': 'application/json' });
        response.end('{}');
      });
    });
    collector.listen(0, '127.0.0.1');
    await once(collector, 'listening');
    const { port } = collector.address() as AddressInfo;
    mesh = await startMesh(['node1', 'node2'], { traces: `http://127.0.0.1:${port}` });
  });
  afterEach(async () => {
    await mesh.stop();
    collector.close();
    collector.closeAllConnections();
  });
  const named = (name: string) => sent.find((span) => span.name === name);

  it('are one trace over both nodes, with the migration’s own id', async () => {
    await mesh.node('node1').create(NAME);
    const ended = await mesh.node('node1').teleport(NAME, 'node2');
    assert.equal(ended.outcome, 'succeeded');
    await eventually(
      'both parts',
      () => named(`migrate ${NAME}`) !== undefined && named(`receive ${NAME}`) !== undefined,
    );
    const [source, target] = [named(`migrate ${NAME}`), named(`receive ${NAME}`)];
    assert.deepEqual([source?.node, target?.node], ['node1', 'node2']);
    assert.equal(source?.traceId, ended.id.replaceAll('-', ''));
    assert.equal(target?.traceId, source?.traceId);
    assert.equal(target?.parentSpanId, source?.spanId);
    assert.ok(!source?.parentSpanId);
    const phasesOf = (span: Span | undefined) =>
      sent.filter(({ parentSpanId }) => parentSpanId === span?.spanId && span !== undefined).map(({ name }) => name);
    assert.ok(phasesOf(source).includes('freeze') && phasesOf(source).includes('hand-over'));
    assert.ok(phasesOf(target).includes('activate'));
    assert.ok(
      sent.every(({ startTimeUnixNano, endTimeUnixNano }) => BigInt(endTimeUnixNano) >= BigInt(startTimeUnixNano)),
    );
    const downtime = source?.attributes.find(({ key }) => key === 'cnvm.migration.downtime_ms')?.value;
    assert.ok(Number(downtime?.['doubleValue'] ?? downtime?.['intValue']) > 0);
  });

  it('say what went wrong', async () => {
    await mesh.node('node1').create(NAME);
    mesh.node('node1').host.plan.fail('machine.freeze', 'before');
    const ended = await mesh.node('node1').teleport(NAME, 'node2');
    assert.equal(ended.outcome, 'aborted');
    await eventually('the part of the source', () => named(`migrate ${NAME}`) !== undefined);
    assert.equal(named(`migrate ${NAME}`)?.status?.code, 2);
    assert.equal(named(`migrate ${NAME}`)?.status?.message, ended.error);
  });

  it('hold nothing up when nobody takes them', async () => {
    collector.close();
    collector.closeAllConnections();
    await mesh.node('node1').create(NAME);
    assert.equal((await mesh.node('node1').teleport(NAME, 'node2')).outcome, 'succeeded');
    const began = performance.now();
    await mesh.node('node2').stop();
    assert.ok(performance.now() - began < 10_000);
  });
});
