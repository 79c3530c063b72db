/**
 * A migration as the spans of a trace. Invariant: both of its nodes give it one trace, whose id is the migration's own, and the
 * target's spans hang below the source's; so nothing has to travel between them for it. Pure.
 */
import { type Migration, PHASES } from '../migration/migration.js';

export interface MigrationSpan {
  readonly name: string;
  readonly startMs: number;
  readonly endMs: number;
  readonly attributes: Readonly<Record<string, string | number>>;
}

export interface MigrationSpans {
  /** 32 hexadecimal digits. */
  readonly traceId: string;
  /** 16 each; a target's hangs below a source's. */
  readonly spanId: string;
  readonly parentId: string | undefined;
  readonly whole: MigrationSpan;
  readonly phases: readonly MigrationSpan[];
  /** Empty after success. */
  readonly error: string;
}

/** What this node did in a migration that has ended. @param idOf makes 16 hexadecimal digits of any text, the same on every node. */
export function migrationSpans(migration: Migration, idOf: (text: string) => string): MigrationSpans {
  const { id, name, role, startTime, phases, totalMs, error } = migration;
  const startMs = Date.parse(startTime);
  const sourceId = idOf(`${id} source`);
  const isSource = role === 'source';
  return {
    traceId: id.replaceAll('-', ''),
    spanId: isSource ? sourceId : idOf(`${id} target`),
    parentId: isSource ? undefined : sourceId,
    whole: {
      name: `${isSource ? 'migrate' : 'receive'} ${name}`,
      startMs,
      endMs: startMs + totalMs,
      attributes: attributesOf(migration),
    },
    phases: phases
      .filter(({ phase }) => PHASES.includes(phase))
      .map(({ phase, ms }, at) => {
        const begun = startMs + phases.slice(0, at).reduce((sum, one) => sum + one.ms, 0);
        const parts = phase === 'freeze' ? partsOf(migration) : {};
        return { name: phase, startMs: begun, endMs: begun + ms, attributes: parts };
      }),
    error,
  };
}

function attributesOf(migration: Migration): Record<string, string | number> {
  const { id, name, source, target, role, mode, memoryMode, outcome, epoch, location } = migration;
  const { freezeMs, memoryBytes, diskBytes } = migration;
  return {
    'cnvm.migration.id': id,
    'cnvm.name': name,
    'cnvm.migration.source': source,
    'cnvm.migration.target': target,
    'cnvm.migration.role': role,
    'cnvm.migration.mode': mode,
    ...(memoryMode === undefined ? {} : { 'cnvm.migration.memory_mode': memoryMode }),
    'cnvm.migration.outcome': outcome,
    'cnvm.migration.location': location,
    'cnvm.epoch': epoch,
    'cnvm.migration.downtime_ms': freezeMs,
    'cnvm.migration.memory_bytes': memoryBytes,
    'cnvm.migration.disk_bytes': diskBytes,
  };
}

/** They overlap, so they are no spans of their own; of two of one name the longer one counts. */
function partsOf({ freezeParts }: Migration): Record<string, number> {
  const parts: Record<string, number> = {};
  for (const { name, ms } of freezeParts) {
    const key = `cnvm.freeze.${name.replaceAll(/[^a-z0-9]+/gi, '_')}_ms`;
    parts[key] = Math.max(parts[key] ?? 0, ms);
  }
  return parts;
}
