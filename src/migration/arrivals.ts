/**
 * Every migration to this node: answers offers and lets each run its story. Invariant: only the node that made an offer
 * is listened to about it, and a name is on its way here at most once.
 */
import { CnvmError, messageOf, refused } from '../base/errors.js';
import { createUndo } from '../base/undo.js';
import type { CnvmRecord } from '../cnvms/cnvm.js';
import type { Cnvms, DirectoryPort } from '../cnvms/cnvms.js';
import type { Locks } from '../cnvms/locks.js';
import { parseRecord } from '../cnvms/store.js';
import type { LayerSize } from '../images/image.js';
import type { NodeFacts } from '../mesh/node-facts.js';
import { createCalledOff } from './called-off.js';
import type { Coming, Door } from './door.js';
import type { History } from './history.js';
import { takenMode } from './memory-mode.js';
import { beginMigration, isMigrationId, type Migration } from './migration.js';
import { lacksImage, refusals, warnings } from './negotiate.js';
import { layoutOf } from './page-words.js';
import type { BulkLink, Offer, OfferAnswer, QueryAnswer, RoundOrder, RoundTaken, TargetPort } from './peer-port.js';
import { mayCancel } from './protocol.js';
import { receive, type TargetPorts, type TargetRun, type TargetSteps } from './receive.js';
import { createReport } from './report.js';
import { createRoundOrders } from './round-orders.js';
import { createSteps } from './steps.js';
import { type Limits, watch } from './watchdog.js';

export interface ArrivalsOptions {
  readonly ports: TargetPorts;
  readonly cnvms: Cnvms;
  readonly locks: Locks;
  readonly directory: DirectoryPort;
  readonly history: History;
  readonly overlayNetwork: string;
  readonly limits: Limits;
  /** Rounds of memory that are made; 0: none are made, and none are taken. */
  readonly roundsMax: number;
  /** Multiplies how long the source may be silent between its steps. */
  readonly patience: number;
  readonly facts: () => Promise<NodeFacts>;
  readonly images: ArrivingImages;
  readonly door: Door;
  /** Which of the ports of one that comes are in use here, each a sentence. */
  readonly portsTaken: (record: CnvmRecord) => Promise<readonly string[]>;
  /** The bulk of a peer, or undefined when we know no such peer. */
  readonly bulkOf: (peer: string) => BulkLink | undefined;
}

/** What a target must know of the node's images. */
export interface ArrivingImages {
  room(digest: string, layers: readonly LayerSize[]): Promise<{ here: boolean; shortage: string | undefined }>;
  /** Afterwards it stays, until what is returned is called. */
  hold(digest: string): () => void;
}

export function createArrivals(options: ArrivalsOptions) {
  const { ports, cnvms, locks, directory, history } = options;
  const arriving = new Map<string, { run: TargetRun; abort: AbortController; done: Promise<void> }>();
  const calledOff = createCalledOff();
  let closing = false;

  async function answer(offer: Offer, record: CnvmRecord, from: string): Promise<OfferAnswer> {
    const target = await options.facts();
    const landing = offer.landing ?? target.landingZones[0]?.path ?? '';
    const { mode, memoryBytes, diskBytes } = offer;
    const postCopy = offer.memoryMode === 'post-copy';
    const source = { ...offer.source, name: from };
    const { overlayNetwork } = options;
    const { here, shortage } = await options.images.room(record.image.digest, offer.layers);
    const bytes = offer.layers.reduce((sum, layer) => sum + layer.bytes, 0);
    const image = { here, shortage, offered: offer.layers.length > 0, bytes };
    const portsTaken = await options.portsTaken(record);
    const own = { taken: directory.taken(), busy: locks.doing(record.name), overlayNetwork, image, portsTaken };
    const question = { record, mode, postCopy, landing, memoryBytes, diskBytes, source, target, ...own };
    const stolen = record.owner === source.name ? [] : [`${source.name} does not own ${record.name}`];
    const memoryMode = takenMode(offer.memoryMode, options.roundsMax);
    const agreed = { landing, memoryMode, compression: offer.compression, lacksImage: lacksImage(question) };
    return { refusals: [...stolen, ...refusals(question)], warnings: warnings(question), ...agreed };
  }

  const coming = (): Coming[] =>
    [...arriving.values()].map(({ run: { record, source, memoryBytes, report } }) => {
      return { from: source.name, record, memoryBytes, diskBytes: report.migration.diskBytes };
    });

  /** Without waiting: what has come in since the rest was answered counts. */
  function atDoor(answered: OfferAnswer, offer: Offer, record: CnvmRecord): OfferAnswer {
    const { refusals: more, busy } = options.door.answer(record, offer.evacuation ?? false, coming());
    return { ...answered, refusals: [...answered.refusals, ...more], busy: busy && answered.refusals.length === 0 };
  }

  function accept(offer: Offer, record: CnvmRecord, from: string, bulk: BulkLink): void {
    const unlock = locks.take(record.name, `on its way here from ${from}`);
    const letGo = options.images.hold(record.image.digest);
    cnvms.marks.set(record.name, 'arriving');
    const report = createReport(arrivingMigration(offer, record, from, ports.node), history.open(offer.migration));
    history.follow(offer.migration, report);
    const memoryMode = takenMode(offer.memoryMode, options.roundsMax);
    report.know({ memoryMode });
    const abort = new AbortController();
    const steps = createSteps<TargetSteps>(options.patience);
    const log = ports.log.child({ migration: offer.migration, cnvm: record.name, peer: from });
    const run: TargetRun = {
      record,
      mode: offer.mode,
      source: { name: from, link: bulk.asking(offer.compression) },
      memoryBytes: offer.memoryBytes,
      memoryMode,
      layout: layoutOf(offer.source.criuVersion),
      taken: () => cnvms.marks.delete(record.name),
      memory: { rootDir: undefined, round: 0, imagesDir: '', left: new Set() },
      steps,
      orders: createRoundOrders(steps.failed),
      report,
      undo: createUndo((what, error) => log.error({ what, error: messageOf(error) }, 'could not undo')),
      signal: abort.signal,
      ports: { ...ports, log },
    };
    const unwatch = watch(report, options.limits, (why) => {
      if (isOffered(offer.migration)) giveUp(run, abort, why);
    });
    const done = receive(run)
      .finally(() => {
        unwatch();
        arriving.delete(offer.migration);
        cnvms.marks.delete(record.name);
        letGo();
        unlock();
      })
      .then(() => ports.journal.prune())
      .catch((error: unknown) => log.error({ error }, 'old migrations could not be forgotten'));
    arriving.set(offer.migration, { run, abort, done });
  }

  /** @throws `refused` when nothing is taken any more, or its source has called this one off: each may be quicker than the answer. */
  function demandWanted(migration: string, from: string): void {
    if (closing) throw refused('unavailable', `${ports.node} is shutting down`);
    if (calledOff.has(migration, from)) throw refused('cancelled', `${from} has called it off meanwhile`);
  }

  /** @throws `refused` when the id is no id, or that of one that has ended: what came of it may still be asked for. */
  function demandNew(migration: string): void {
    if (!isMigrationId(migration)) throw refused('invalid', `"${migration}" is not a migration's id`);
    if (ports.journal.get(migration) !== undefined)
      throw refused('exists', `the migration ${migration} has ended here`);
    // One that leaves from here, or an offer that was quicker: its files and its journal entry are not to be shared.
    if (history.runs(migration)) throw refused('exists', `the migration ${migration} is under way here`);
  }

  /** A source moves a cnvm once at a time: what it offered before, and could not call off, it has given up. */
  async function giveUpOlder(name: string, from: string): Promise<void> {
    for (const { run, abort, done } of arriving.values()) {
      const { record, source, report } = run;
      if (record.name !== name || source.name !== from || !isOffered(report.migration.id)) continue;
      giveUp(run, abort, refused('cancelled', `${from} has offered ${name} anew`));
      await done;
    }
  }

  function giveUp(run: TargetRun, abort: AbortController, why: CnvmError): void {
    abort.abort(why);
    run.steps.fail(why);
  }

  /** Not handed over: it may still be called off. */
  function isOffered(migration: string): boolean {
    const entry = ports.journal.get(migration);
    return mayCancel(entry?.role === 'target' ? entry.state : 'unknown');
  }

  /** @throws `refused` when this node made no such offer, or it has ended. */
  function runOf(migration: string, from: string): TargetRun {
    const found = arriving.get(migration);
    if (found?.run.source.name === from) return found.run;
    const entry = ports.journal.get(migration);
    const why =
      entry?.role === 'target' && entry.peer === from
        ? `has ended here: ${entry.state} ${entry.migration.error}`
        : 'is not known here';
    throw refused('not-found', `the migration ${migration} ${why}`);
  }

  const target: TargetPort = {
    async offer(offer, from) {
      // One that comes late says nothing about the one that its source has offered since.
      demandWanted(offer.migration, from);
      const repeated = arriving.get(offer.migration);
      if (repeated !== undefined) {
        const { run } = repeated;
        await runOf(offer.migration, from).steps.ask('offer', undefined);
        const { memoryMode } = run;
        const agreed = { landing: run.record.landing, memoryMode, compression: offer.compression, lacksImage: false };
        return { refusals: [], warnings: [], ...agreed };
      }
      demandNew(offer.migration);
      const sent = parseRecord(offer.record);
      if (sent.epoch !== offer.epoch)
        throw refused('invalid', `a record at epoch ${sent.epoch} is offered at ${offer.epoch}`);
      if (!offer.dryRun) await giveUpOlder(sent.name, from);
      const answered = atDoor(await answer(offer, sent, from), offer, sent);
      const bulk = options.bulkOf(from);
      if (bulk === undefined) throw refused('forbidden', `${from} is no peer of ${ports.node}`);
      if (offer.dryRun || answered.refusals.length > 0 || answered.lacksImage) return answered;
      // The same offer may have been quicker.
      if (!arriving.has(offer.migration)) {
        demandNew(offer.migration);
        demandWanted(offer.migration, from);
        accept(offer, { ...sent, landing: answered.landing }, from, bulk);
      }
      await runOf(offer.migration, from).steps.ask('offer', undefined);
      return answered;
    },
    seed: async (migration, from) => await runOf(migration, from).steps.ask('seed', undefined),
    round: async (migration, order, from) => await takeOrder(runOf(migration, from), order),
    prepare: async (migration, order, from) => await runOf(migration, from).steps.ask('prepare', order),
    collect: async (migration, changed, from) => await runOf(migration, from).steps.ask('collect', changed),
    async handOver(migration, epoch, from) {
      const run = runOf(migration, from);
      if (epoch !== run.record.epoch + 1)
        throw refused('invalid', `a hand-over at epoch ${epoch}, not ${run.record.epoch + 1}`);
      return await run.steps.ask('handOver', epoch);
    },
    async release(migration, from) {
      const found = arriving.get(migration);
      if (found?.run.source.name === from) await found.run.steps.ask('release', undefined);
    },
    async cancel(migration, reason, from) {
      const found = arriving.get(migration);
      if (found === undefined && isMigrationId(migration)) calledOff.add(migration, from);
      if (found?.run.source.name !== from) return;
      if (!isOffered(migration)) throw refused('state', `${found.run.record.name} has been handed over`);
      giveUp(
        found.run,
        found.abort,
        new CnvmError('aborted', reason || `${from} has called it off`, { location: from }),
      );
      await found.done;
    },
    query: async (migration, from) => standingOf(migration, from),
  };

  function standingOf(migration: string, from: string): QueryAnswer {
    const entry = ports.journal.get(migration);
    if (entry?.role !== 'target' || entry.peer !== from) return { standing: 'unknown', reason: '', epoch: 0 };
    return { standing: entry.state, reason: entry.migration.error, epoch: entry.migration.epoch };
  }

  return {
    target,
    /** All that is on its way here. */
    coming,
    /** Calls off what was not handed over, and waits for the rest. */
    async stop(): Promise<void> {
      closing = true;
      for (const { run, abort } of arriving.values()) {
        if (!isOffered(run.report.migration.id)) continue;
        // No "unavailable": who hears that tries again.
        giveUp(run, abort, new CnvmError('aborted', `${ports.node} is shutting down`, { location: run.source.name }));
      }
      const unsettled = [...arriving.values()].filter(
        ({ run }) => ports.journal.get(run.report.migration.id)?.state !== 'running',
      );
      await Promise.allSettled(unsettled.map(({ done }) => done));
    },
  };
}

/** @throws `refused` when there are to be no rounds, or none any more. */
async function takeOrder({ orders, report, memoryMode }: TargetRun, order: RoundOrder): Promise<RoundTaken> {
  const { phase } = report.migration;
  if (memoryMode !== 'pre-copy' || !['negotiate', 'seed', 'precopy'].includes(phase))
    throw refused('state', `no round of memory is taken in the phase "${phase}"`);
  if (order.round === 0 || order.parent >= order.round)
    throw refused('invalid', `there is no round ${order.round} on ${order.parent}`);
  return await orders.ask(order);
}

function arrivingMigration(offer: Offer, record: CnvmRecord, from: string, node: string): Migration {
  const { migration: id, mode, memoryBytes, diskBytes, epoch } = offer;
  const { name, landing } = record;
  const ends = { source: from, target: node };
  return beginMigration({ id, name, ...ends, landing, mode, memoryBytes, diskBytes, role: 'target', epoch });
}
