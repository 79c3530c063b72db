/**
 * Migrations as OpenTelemetry traces, sent to a collector over OTLP. Invariant: a trace is sent when all is over, in the background; a
 * collector that does not answer costs a migration nothing, and what it misses is lost.
 */
import { createHash } from 'node:crypto';
import { ROOT_CONTEXT, SpanKind, SpanStatusCode, TraceFlags, trace } from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { BasicTracerProvider, BatchSpanProcessor, RandomIdGenerator } from '@opentelemetry/sdk-trace-base';
import { abortable } from '../base/abortable.js';
import type { Migration } from '../migration/migration.js';
import { type MigrationSpans, migrationSpans } from './migration-spans.js';

export interface Traces {
  /** Sends one that has ended, soon. */
  ended(migration: Migration): void;
  /** Sends what is left, and waits for it a little. */
  close(): Promise<void>;
}

/** For several at once; a person looks later anyway. */
const SEND_AFTER_MS = 1_000;
const CLOSE_MS = 1_500;
const SPAN_ID_DIGITS = 16;

const idOf = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, SPAN_ID_DIGITS);

/** @param endpoint the collector's, for example http://127.0.0.1:4318. */
export function createTraces(endpoint: string, node: string, version: () => string | undefined): Traces {
  let provider: BasicTracerProvider | undefined;
  const random = new RandomIdGenerator();
  /** Those that the next span gets. */
  let next: { traceId: string; spanId: string } | undefined;
  const idGenerator = {
    generateTraceId: () => next?.traceId ?? random.generateTraceId(),
    generateSpanId: () => next?.spanId ?? random.generateSpanId(),
  };

  /** The version is known when the daemon serves. */
  function open(): BasicTracerProvider {
    const url = `${endpoint.replace(/\/$/, '')}/v1/traces`;
    const processor = new BatchSpanProcessor(new OTLPTraceExporter({ url }), { scheduledDelayMillis: SEND_AFTER_MS });
    const service = { 'service.name': 'cnvmd', 'service.instance.id': node, 'host.name': node };
    const resource = resourceFromAttributes({ ...service, 'service.version': version() ?? 'unknown' });
    return new BasicTracerProvider({ resource, idGenerator, spanProcessors: [processor] });
  }

  function send({ traceId, spanId, parentId, whole, phases, error }: MigrationSpans): void {
    provider ??= open();
    const tracer = provider.getTracer('cnvm.migration');
    const remote = (id: string) =>
      trace.setSpanContext(ROOT_CONTEXT, { traceId, spanId: id, traceFlags: TraceFlags.SAMPLED, isRemote: true });
    next = { traceId, spanId };
    const kind = parentId === undefined ? SpanKind.CLIENT : SpanKind.SERVER;
    const { name, startMs, endMs, attributes } = whole;
    const parent = parentId === undefined ? ROOT_CONTEXT : remote(parentId);
    const span = tracer.startSpan(name, { kind, startTime: startMs, attributes }, parent);
    next = undefined;
    for (const phase of phases) {
      const within = trace.setSpan(ROOT_CONTEXT, span);
      const { attributes: parts } = phase;
      tracer.startSpan(phase.name, { startTime: phase.startMs, attributes: parts }, within).end(phase.endMs);
    }
    if (error !== '') span.setStatus({ code: SpanStatusCode.ERROR, message: error });
    span.end(endMs);
  }

  return {
    ended(migration) {
      // It has not ended: it is asked on, and ends once more.
      if (migration.outcome !== 'in-doubt') send(migrationSpans(migration, idOf));
    },
    async close() {
      const closed = provider?.shutdown();
      if (closed !== undefined) await abortable(closed, AbortSignal.timeout(CLOSE_MS)).catch(() => undefined);
    },
  };
}
