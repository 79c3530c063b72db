/**
 * What this node counts and measures, as Prometheus reads it. Invariant: every figure is this node's own or what it goes by; a
 * migration is counted at each of its two nodes, under the part that it played there.
 */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { CnvmState } from '../cnvms/cnvm.js';
import type { Migration } from '../migration/migration.js';
import type { WatchedCnvm } from '../watch/happenings.js';

export interface MeterPorts {
  readonly node: string;
  readonly members: () => {
    readonly own: { readonly version: string } | undefined;
    readonly others: Iterable<{ readonly state: string }>;
  };
  /** What this node owns. */
  readonly cnvms: () => Promise<readonly WatchedCnvm[]>;
  readonly migrations: (name: undefined, limit: number) => readonly Migration[];
  /** When this node's certificate ends to be valid. */
  readonly certificateEndMs: () => number;
}

/** Downtimes: what nobody notices, what a person takes for a stutter, and what breaks connections. */
const DOWNTIME_SECONDS = [0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1, 1.5, 2.5, 5, 10, 30, 60, 300];
/** Whole migrations and their phases: a disk of some hundred gigabytes takes hours. */
const LONG_SECONDS = [0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3_600, 14_400];
const MEMBER_STATES = ['alive', 'suspect', 'dead', 'left'];
const CNVM_STATES: readonly CnvmState[] = ['stopped', 'running', 'frozen', 'arriving', 'in-doubt', 'removing'];
const ROLES = ['source', 'target'] as const;
const OUTCOMES = ['succeeded', 'refused', 'aborted', 'stranded', 'in-doubt'] as const;
/** More than run at once. */
const RUNNING_MAX = 1_000;

export function createMeters(ports: MeterPorts) {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  gauges(registry, ports);
  const registers = [registry];
  const ended = new Counter({
    name: 'cnvm_migrations_total',
    help: 'Migrations that have ended, by the part of this node and by what came of them.',
    labelNames: ['role', 'outcome'],
    registers,
  });
  // A rate needs a first value.
  for (const role of ROLES) for (const outcome of OUTCOMES) ended.inc({ role, outcome }, 0);
  const bytes = new Counter({
    name: 'cnvm_migration_bytes_total',
    help: 'Bytes of memory and of disk that migrations have moved, by the part of this node.',
    labelNames: ['role', 'kind'],
    registers,
  });
  for (const role of ROLES) for (const kind of ['memory', 'disk']) bytes.inc({ role, kind }, 0);
  const [downtime, freeze] = [
    new Histogram({
      name: 'cnvm_migration_downtime_seconds',
      help: 'From the fence at the source to "running" at the target, of migrations from this node that succeeded.',
      labelNames: ['mode'],
      buckets: DOWNTIME_SECONDS,
      registers,
    }),
    new Histogram({
      name: 'cnvm_migration_freeze_seconds',
      help: 'The freeze phase alone: the last of memory and disk, before the hand-over; of migrations from this node.',
      buckets: DOWNTIME_SECONDS,
      registers,
    }),
  ];
  const [phases, duration] = [
    new Histogram({
      name: 'cnvm_migration_phase_seconds',
      help: 'How long each phase took, of migrations that succeeded, by the part of this node.',
      labelNames: ['role', 'phase'],
      buckets: LONG_SECONDS,
      registers,
    }),
    new Histogram({
      name: 'cnvm_migration_duration_seconds',
      help: 'Whole migrations from this node that succeeded.',
      buckets: LONG_SECONDS,
      registers,
    }),
  ];

  return {
    registry,
    /** Counts a migration that has ended. */
    ended(migration: Migration): void {
      const { role, outcome, mode } = migration;
      ended.inc({ role, outcome });
      if (outcome !== 'succeeded') return;
      bytes.inc({ role, kind: 'memory' }, migration.memoryBytes);
      bytes.inc({ role, kind: 'disk' }, migration.diskBytes);
      for (const { phase, ms } of migration.phases) phases.observe({ role, phase }, ms / 1000);
      if (role !== 'source') return;
      if (migration.freezeMs > 0) downtime.observe({ mode }, migration.freezeMs / 1000);
      const frozen = migration.phases.find(({ phase }) => phase === 'freeze');
      if (frozen !== undefined) freeze.observe(frozen.ms / 1000);
      duration.observe(migration.totalMs / 1000);
    },
  };
}

/** What is looked at when it is asked for. */
function gauges(registry: Registry, { node, members, cnvms, migrations, certificateEndMs }: MeterPorts): void {
  const gauge = <L extends string>(name: string, help: string, labelNames: L[], collect: (to: Gauge<L>) => unknown) => {
    const made: Gauge<L> = new Gauge<L>({
      ...{ name, help, labelNames, registers: [registry] },
      collect: async () => void (await collect(made)),
    });
  };
  gauge('cnvm_build_info', 'This node, and the version of its daemon; always 1.', ['node', 'version'], (to) =>
    to.set({ node, version: members().own?.version ?? 'unknown' }, 1),
  );
  gauge(
    'cnvm_mesh_members',
    'Nodes of the mesh, this one too, by their state as this node sees it.',
    ['state'],
    (to) => {
      const { own, others } = members();
      const states = [...(own === undefined ? [] : ['alive']), ...[...others].map(({ state }) => state)];
      for (const state of MEMBER_STATES) to.set({ state }, states.filter((one) => one === state).length);
    },
  );
  gauge('cnvm_cnvms', 'The cnvms of this node, by their state.', ['state'], async (to) => {
    const all = await cnvms();
    for (const state of CNVM_STATES) to.set({ state }, all.filter((one) => one.state === state).length);
  });
  gauge('cnvm_cnvms_contested', 'The cnvms of this node that another node claims too.', [], async (to) =>
    to.set((await cnvms()).filter(({ conflict }) => conflict !== '').length),
  );
  gauge('cnvm_migrations_running', 'Migrations under way, by the part of this node.', ['role'], (to) => {
    const running = migrations(undefined, RUNNING_MAX).filter(({ outcome }) => outcome === 'running');
    for (const role of ROLES) to.set({ role }, running.filter((one) => one.role === role).length);
  });
  gauge('cnvm_certificate_end_timestamp_seconds', "When this node's certificate ends to be valid.", [], (to) =>
    to.set(certificateEndMs() / 1000),
  );
}
