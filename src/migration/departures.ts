/**
 * Every migration from this node: begins them, ends them early when asked, and goes on asking about those in doubt.
 * Invariant: while a migration runs it holds its cnvm's lock, so a second one is refused; one in doubt keeps the lock.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { CnvmError, messageOf, refused } from '../base/errors.js';
import type { CnvmRecord } from '../cnvms/cnvm.js';
import type { Cnvms } from '../cnvms/cnvms.js';
import type { Locks } from '../cnvms/locks.js';
import type { Bulk } from './bulk.js';
import type { Aims } from './convergence.js';
import { type Departure, type DepartureOrder, newDeparture, newMigration, type Target } from './departure.js';
import { type Doubt, doubtOf, takenByForce } from './doubt.js';
import type { History } from './history.js';
import { handOver, migrate, wake } from './migrate.js';
import type { MigrateOrder, Migration, MigrationEvent, Outcome, Phase } from './migration.js';
import { outcomeOf } from './outcome.js';
import type { BulkPort } from './peer-port.js';
import { planOf } from './plan.js';
import { offerMemoryAgain } from './postcopy.js';
import { createReport } from './report.js';
import type { SourcePorts, SourceRun } from './source-run.js';
import { type Limits, watch } from './watchdog.js';

export interface DeparturesOptions {
  readonly ports: SourcePorts;
  readonly bulk: Bulk;
  readonly cnvms: Cnvms;
  readonly locks: Locks;
  readonly history: History;
  readonly limits: Limits;
  /** Rounds of memory that are made at most; 0: none. */
  readonly roundsMax: number;
  /** Keeps for ever what a person decided; durable when it resolves. */
  readonly audit: (facts: Readonly<Record<string, string | number>>) => Promise<void>;
  /** @throws `refused` when nobody knows such a peer. */
  readonly findPeer: (target: string) => Target;
}

/** Between two looks at whether a migration has ended. */
const AGAIN_MS = 50;
/** Between two rounds of asking about a migration that is in doubt. */
const DOUBT_ROUND_MS = 5_000;

const AFTER_HAND_OVER: readonly Phase[] = ['hand-over', 'activate', 'postcopy', 'release'];

interface Following extends Departure {
  readonly done: Promise<void>;
}

export function createDepartures(options: DeparturesOptions) {
  const { ports, cnvms, locks, history } = options;
  const running = new Map<string, Following>();
  /** Those whose last word is not in the journal yet, beside those that run. */
  const ending = new Set<Promise<void>>();
  let closing = false;

  function newRun(migration: Migration, record: CnvmRecord, target: Target, order: DepartureOrder): SourceRun {
    const departure = newDeparture(options, migration, record, target, order);
    running.set(migration.id, { ...departure, done: Promise.resolve() });
    return departure.run;
  }

  /** Runs the story, or the rest of it, to an end that is told; never throws. */
  async function follow(run: SourceRun, story: (run: SourceRun) => Promise<void>, unlock: () => void): Promise<void> {
    const { report, record, ports: own, target } = run;
    own.log.info({ phase: report.migration.phase }, 'migration begins');
    const unwatch = watch(report, options.limits, (why) => running.get(report.migration.id)?.abort.abort(why));
    const error = await failureOf(story(run));
    unwatch();
    const outcome = error === undefined ? 'succeeded' : outcomeOf(error);
    if (outcome === 'in-doubt') {
      cnvms.marks.set(record.name, 'in-doubt');
      tellEnd(run, outcome, '', error);
      void askOn(run, unlock);
      return;
    }
    // Before the end is told: who hears of it may go on with the cnvm at once.
    cnvms.marks.delete(record.name);
    running.delete(report.migration.id);
    unlock();
    const there = outcome === 'succeeded' || (outcome === 'stranded' && run.report.migration.location === target.name);
    tellEnd(run, outcome, there ? target.name : own.node, error);
    const remembered = remember(run);
    ending.add(remembered);
    await remembered;
    ending.delete(remembered);
  }

  function tellEnd(run: SourceRun, outcome: Exclude<Outcome, 'running'>, location: string, error: unknown): void {
    const refusal = error instanceof CnvmError && outcome === 'refused' ? error.kind : undefined;
    const ended = run.report.end(outcome, location, error === undefined ? '' : messageOf(error), refusal);
    const { freezeMs, totalMs } = ended;
    if (outcome === 'succeeded') run.ports.log.info({ freezeMs, totalMs }, 'migration succeeded');
    else run.ports.log.warn({ outcome, error: ended.error }, 'migration failed');
  }

  /** The journal's last word, for people to look at; whether it is settled was decided by who noted its state. */
  async function remember(run: SourceRun): Promise<void> {
    const { migration } = run.report;
    const entry = ports.journal.get(migration.id);
    try {
      // Of one that was refused nothing is left anywhere; who tries again and again must not push out those that moved.
      if (entry?.settled && migration.outcome === 'refused') await ports.journal.forget(migration.id);
      else if (entry !== undefined) await ports.journal.write({ ...entry, migration });
      await ports.journal.prune();
    } catch (error) {
      run.ports.log.error({ error }, 'the last word of a migration is not in the journal');
    }
  }

  async function askOn(run: SourceRun, unlock: () => void): Promise<void> {
    await Promise.race([sleep(DOUBT_ROUND_MS, undefined, { ref: false }), run.forced]);
    if (closing) return;
    const emit = history.open(run.report.migration.id);
    const report = createReport({ ...run.report.migration, outcome: 'running', error: '' }, emit);
    history.follow(run.report.migration.id, report);
    const again: SourceRun = { ...run, report };
    await follow(again, handOver, unlock);
  }

  function aimsOf({ maxDowntimeMs, onSlow, strict }: MigrateOrder): Aims {
    return { maxDowntimeMs, onSlow, strict, roundsMax: options.roundsMax };
  }

  function demandServing(): void {
    if (closing) throw refused('unavailable', `${ports.node} is shutting down`);
  }

  /** What there is to be moved now, and how. @throws `refused` when it may not be. */
  async function look(order: MigrateOrder) {
    const record = cnvms.recordOf(order.name);
    const target = options.findPeer(order.target);
    const state = await cnvms.stateOf(record);
    if (order.postCopy && (order.mode === 'cold' || state === 'stopped'))
      throw refused('invalid', 'a cold migration moves no memory that could follow: no post-copy');
    const mode = order.mode ?? (state === 'stopped' ? 'cold' : 'hot');
    await cnvms.demand(record, mode === 'hot' ? 'migrate-hot' : 'migrate-cold');
    return { record, target, mode, running: state === 'running' };
  }

  async function start(order: MigrateOrder): Promise<AsyncIterable<MigrationEvent>> {
    demandServing();
    const seen = await look(order);
    const { landing, bandwidth, compress, postCopy, evacuation = false } = order;
    const wishes = { landing, compress, postCopy, evacuation, aims: aimsOf(order) };
    if (order.dryRun) return only({ kind: 'plan', plan: await planOf(options, { ...seen, ...wishes }) });
    const unlock = locks.take(order.name, `being moved to ${seen.target.name}`);
    try {
      // Again: until now anybody could start it, stop it, or move it away.
      const { record, target, mode, running: runs } = await look(order);
      const obstacles = mode === 'hot' ? await ports.machine.obstacles(record) : [];
      if (obstacles.length > 0)
        throw refused('state', obstacles.join('; '), { reasons: obstacles, location: ports.node });
      const ends = { source: ports.node, target: target.name };
      const migration = newMigration(record, mode, ends, await ports.machine.usage(record));
      // Whoever ends what runs has looked already.
      demandServing();
      const run = newRun(migration, record, target, { ...wishes, bandwidth, running: runs });
      const events = history.watch(migration.id);
      const entry = running.get(migration.id);
      const done = follow(run, migrate, unlock);
      if (entry !== undefined) running.set(migration.id, { ...entry, done });
      return events;
    } catch (error) {
      unlock();
      throw error;
    }
  }

  function find(idOrName: string) {
    const found = [...running.values()].find(({ run }) =>
      [run.report.migration.id, run.record.name].includes(idOrName),
    );
    if (found !== undefined) return found;
    throw refused('not-found', `no migration of ${idOrName} runs on ${ports.node}`);
  }

  function inDoubt(): Following[] {
    return [...running.values()].filter(({ run }) => cnvms.marks.get(run.record.name) === 'in-doubt');
  }

  const doubts = (): Doubt[] => inDoubt().map(({ run }) => doubtOf(run.report.migration, ports.node));

  /** How it ended; it is about to. */
  async function historyEnd(id: string): Promise<Migration> {
    for (;;) {
      for await (const event of history.watch(id)) {
        if (event.kind === 'ended' && event.migration.outcome !== 'in-doubt') return event.migration;
      }
      await sleep(AGAIN_MS);
    }
  }

  const bulkPort: BulkPort = {
    async tunnel(migration, wanted, from, stream) {
      await outgoingFor(migration, from).tunnel(wanted, stream);
    },
    pullImages: (migration, from) => outgoingFor(migration, from).images(),
  };

  function outgoingFor(migration: string, from: string) {
    const found = running.get(migration)?.run.outgoing;
    // The same words for both: who is not the target learns nothing, not even that it exists.
    if (found?.to !== from) throw refused('forbidden', `no migration ${migration} to ${from} runs here`);
    return found;
  }

  return {
    bulkPort,

    /** Begins a migration, or plans one. @returns its events. @throws `refused` before anything changed. */
    async *migrate(order: MigrateOrder): AsyncGenerator<MigrationEvent> {
      yield* await start(order);
    },

    /** Afterwards it has ended, one way or the other. @throws `refused` after the hand-over. */
    async abort(idOrName: string): Promise<Migration> {
      const { run, abort, done } = find(idOrName);
      const { phase } = run.report.migration;
      if (AFTER_HAND_OVER.includes(phase)) {
        throw refused('state', `${run.record.name} has been handed to ${run.target.name}; it cannot be called back`, {
          location: run.target.name,
        });
      }
      abort.abort(refused('cancelled', 'it was called off'));
      await done;
      return run.report.migration;
    },

    /** Takes up a hand-over that a daemon before us left open. The cnvm is frozen, and stays so until it is settled. */
    resume(record: CnvmRecord, migration: Migration, target: Target): void {
      const unlock = locks.take(record.name, `in a hand-over to ${target.name}`);
      cnvms.marks.set(record.name, 'in-doubt');
      const { maxDowntimeMs } = migration;
      // Its freeze has been: there is nothing more to aim for.
      const aims: Aims = { maxDowntimeMs, onSlow: 'stop-copy', strict: false, roundsMax: 0 };
      const postCopy = migration.memoryMode === 'post-copy';
      const nothing = { landing: undefined, bandwidth: 0, compress: 'none', evacuation: false } as const;
      const order = { ...nothing, postCopy, running: record.wanted === 'running', aims };
      const run = newRun({ ...migration, outcome: 'running' }, record, target, order);
      run.undo.add('scratch', () => run.outgoing.close());
      run.undo.add('freeze', () => wake(run));
      const story = async (one: SourceRun) => {
        if (postCopy) await offerMemoryAgain(one);
        await handOver(one);
      };
      void follow(run, story, unlock);
    },

    doubts,

    /**
     * Runs on here what was handed over to a peer that never comes back. Afterwards it is ours, and what the peer may have
     * done with it is older. @throws `refused` when it is not in doubt.
     */
    async force(name: string, who: string): Promise<Migration> {
      const found = inDoubt().find(({ run }) => run.record.name === name);
      if (found === undefined) throw refused('state', `${name} is not in doubt on ${ports.node}: nothing to force`);
      const { record, report } = found.run;
      const { epoch, target, id } = report.migration;
      await options.audit({ act: 'force', who, cnvm: name, migration: id, peer: target, epoch });
      ports.log.warn({ cnvm: name, migration: id, peer: target, who }, 'taken back by force');
      found.force(takenByForce(record.epoch, who));
      return await historyEnd(id);
    },

    /** Ends every migration that can be ended, and waits for the others to be past their hand-over. */
    async stop(): Promise<void> {
      closing = true;
      for (const { abort } of running.values()) {
        // After the hand-over it takes nothing back, and ends but the wait for a post-copy: the next daemon goes on with it.
        abort.abort(refused('cancelled', `${ports.node} is shutting down`));
      }
      await Promise.allSettled([...running.values()].map(({ done }) => done));
      await Promise.all(ending);
    },
  };
}

async function* only(event: MigrationEvent): AsyncGenerator<MigrationEvent> {
  yield event;
}

async function failureOf(story: Promise<void>): Promise<unknown> {
  try {
    await story;
    return undefined;
  } catch (error) {
    return error;
  }
}
