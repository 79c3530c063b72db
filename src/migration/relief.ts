/** How this node is emptied: by a call, by its own strain, or at a peer's wish. Joins the parts; decides nothing. */
import { join } from 'node:path';
import type { Logger } from 'pino';
import type { Config } from '../base/config.js';
import type { CnvmRecord } from '../cnvms/cnvm.js';
import type { Locks } from '../cnvms/locks.js';
import { type Cordon, itselfOf, openCordon } from '../mesh/cordon.js';
import type { Finding, HostFacts, NodeFacts } from '../mesh/node-facts.js';
import { shortlist } from '../mesh/shortlist.js';
import type { Thresholds } from '../mesh/strains.js';
import type { Member } from '../mesh/swim/state.js';
import { type BidLink, bidFor } from './bids.js';
import type { CandidatePorts } from './candidates.js';
import { type Coming, createDoor, type Door } from './door.js';
import type { EvacuationPorts } from './evacuate.js';
import { createEvacuations, type EvacuationsOptions } from './evacuations.js';
import { type IntentFile, openIntent } from './intent.js';
import { createStrains } from './watch-strains.js';

interface ReliefPeer {
  readonly name: string;
  readonly link: { readonly evacuation: BidLink & { evacuate(reason: string): Promise<void> } };
}

export interface ReliefOptions {
  readonly config: Pick<Config, 'node' | 'overlay' | 'evacuation'>;
  readonly host: {
    readonly machine: { usage: CandidatePorts['usage'] };
    memoryPressure(): Promise<number | undefined>;
    check(facts: HostFacts): Promise<readonly Finding[]>;
  };
  readonly hostFacts: () => Promise<HostFacts>;
  readonly facts: () => Promise<NodeFacts>;
  readonly cordon: Cordon;
  readonly intent: IntentFile;
  readonly door: Door;
  readonly store: { all(): readonly CnvmRecord[] };
  readonly locks: Locks;
  readonly cnvms: { readonly stateOf: CandidatePorts['stateOf'] };
  readonly arrivals: { coming(): readonly Coming[] };
  readonly departures: { readonly migrate: EvacuationPorts['migrate']; readonly doubts: EvacuationPorts['doubts'] };
  readonly mesh: {
    peers(): readonly ReliefPeer[];
    find(peer: string): { readonly name: string };
    member(name: string): Member | undefined;
    tellAll(): Promise<unknown>;
  };
  readonly audit: EvacuationsOptions['audit'];
  readonly log: Logger;
}

/** What peers are told of it at once. */
export interface Condition {
  readonly cordoned: boolean;
  readonly strained: boolean;
}

/**
 * What keeps new work out, and what was to be emptied, as the daemon before has left them.
 * @param changed told when it is opened or shut.
 */
export function openDoor(config: Config, records: () => readonly CnvmRecord[], changed: () => void) {
  const { node, stateDir } = config;
  const cordon = openCordon(node, join(stateDir, 'cordon.json'), changed);
  const door = createDoor({ node, cordoned: cordon.refusals, records, arrivalsMax: config.evacuation.arrivals });
  return { cordon, intent: openIntent(node, join(stateDir, 'evacuation.json')), door, demandOpen: cordon.demandOpen };
}

/** The machine's facts, and whether new work may come. */
export function withCondition(facts: () => Promise<HostFacts>, cordon: Cordon, strains: () => readonly string[]) {
  return async (): Promise<NodeFacts> => ({ ...(await facts()), cordon: cordon.words(), strains: strains() });
}

/** Nobody leaves. */
const NEVER = new AbortController().signal;

export function createRelief(options: ReliefOptions) {
  const { config, host, hostFacts, facts, cordon, door, store, mesh, arrivals, log } = options;
  const { node, evacuation: settings } = config;
  const alive = () => mesh.peers().filter(({ name }) => mesh.member(name)?.state !== 'dead');
  const cardOf = (name: string) => mesh.member(name)?.card;
  const evacuations = createEvacuations({
    ...{ node, facts, cordon, log, intent: options.intent, audit: options.audit },
    overlayNetwork: config.overlay.network,
    records: store.all,
    locked: options.locks.names,
    stateOf: options.cnvms.stateOf,
    usage: host.machine.usage,
    migrate: options.departures.migrate,
    doubts: options.departures.doubts,
    nameOf: (peer) => mesh.find(peer).name,
    peers: (to, own) => {
      const all = alive();
      const some = to.length > 0 ? all.filter(({ name }) => to.includes(name)) : shortlist(all, cardOf, own);
      return some.map(({ name, link }) => ({ name, link: link.evacuation }));
    },
  });
  const defaults = { parallel: settings.parallel, deadlineMs: settings.deadline * 1000 };
  const { itself, peers, hold, every, calm, ...thresholds } = settings;
  const itsName = itselfOf(node);
  const strains = createStrains({
    ...{ node, itself, peers, thresholds: only(thresholds) },
    ...{ holdMs: hold * 1000, everyMs: every * 1000, calmMs: calm * 1000 },
    ...{ facts: hostFacts, memoryPressure: host.memoryPressure, log },
    check: async () => await host.check(await hostFacts()),
    ...{ itsName, cordonedBy: () => cordon.get()?.by },
    async open() {
      if (evacuations.runs()) return;
      log.warn('under strain no more for a while: new work may come again');
      await evacuations.uncordon(undefined, itsName);
    },
    changed: () => void mesh.tellAll(),
    seen: () =>
      alive().flatMap(({ name, link }) => {
        const card = cardOf(name);
        if (card === undefined) return [];
        return [{ name, cordoned: card.cordoned, strained: card.strained, evacuate: link.evacuation.evacuate }];
      }),
    async evacuate(reason) {
      if (cordon.get() !== undefined && store.all().length === 0) return;
      const asker = { by: itsName, detached: true, followOnly: false, signal: NEVER };
      for await (const event of evacuations.evacuate({ ...defaults, to: [], dryRun: false, reason }, asker))
        log.debug({ event: event.kind }, 'evacuation');
    },
  });
  return {
    port: {
      ...{ node, defaults, evacuate: evacuations.evacuate, stop: evacuations.stop },
      ...{ cordon: evacuations.cordon, uncordon: evacuations.uncordon },
      bid: async (from: string) => await bidFor({ facts, door, coming: arrivals.coming }, from),
    },
    strains: strains.now,
    condition: (): Condition => ({ cordoned: cordon.get() !== undefined, strained: strains.now().length > 0 }),
    /** What the daemon before has left to do is gone on with. */
    async start(): Promise<void> {
      await evacuations.resume();
      strains.start();
    },
    /** No move begins any more. Resolves when those that run have ended, by whoever ends them. */
    async stop(): Promise<void> {
      await Promise.all([strains.stop(), evacuations.close()]);
    },
  };
}

/** A setting that is no threshold must not be taken for one. */
function only({ memoryAvailableMin, memoryPressureMax, diskAvailableMin, errors }: Thresholds): Thresholds {
  return { memoryAvailableMin, memoryPressureMax, diskAvailableMin, errors };
}
