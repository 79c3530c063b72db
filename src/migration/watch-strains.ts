/**
 * What empties a node that nobody has asked to: its own strain, or a peer's. Invariant: nothing is done for a strain that passes
 * within the time to hold, and nothing is done at all that the config does not say.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { messageOf } from '../base/errors.js';
import type { Finding, HostFacts } from '../mesh/node-facts.js';
import { asks, mayOpen, strainsOf, type Thresholds, watchesAnything } from '../mesh/strains.js';

/** A peer as the membership has it. */
export interface SeenPeer {
  readonly name: string;
  readonly cordoned: boolean;
  readonly strained: boolean;
  /** Asks it to empty itself. */
  evacuate(reason: string): Promise<void>;
}

export interface StrainsOptions {
  readonly node: string;
  readonly thresholds: Thresholds;
  /** It empties itself. */
  readonly itself: boolean;
  /** It asks strained peers to. */
  readonly peers: boolean;
  /** So long a strain must last. */
  readonly holdMs: number;
  readonly everyMs: number;
  readonly facts: () => Promise<HostFacts>;
  readonly memoryPressure: () => Promise<number | undefined>;
  readonly check: () => Promise<readonly Finding[]>;
  /** Those that are alive. */
  readonly seen: () => readonly SeenPeer[];
  /** Who has cordoned this node; undefined when nobody has. */
  readonly cordonedBy: () => string | undefined;
  /** As what this node does so for itself. */
  readonly itsName: string;
  /** So long there must be no strain until it takes new work again; 0: never by itself. */
  readonly calmMs: number;
  /** Lets new work come, unless the node is being emptied. */
  readonly open: () => Promise<void>;
  /** Told when this node has come under strain, or is not any more. */
  readonly changed: () => void;
  /** Empties this node; resolves when that has ended. */
  readonly evacuate: (reason: string) => Promise<void>;
  readonly log: Logger;
}

/** The self-check starts programs. */
const CHECK_EVERY_MS = 60_000;

export function createStrains(options: StrainsOptions) {
  const { node, thresholds, holdMs, log } = options;
  const stopped = new AbortController();
  /** Since when each node is strained without a break, by `performance.now()`. */
  const since = new Map<string, number>();
  let strains: readonly string[] = [];
  let findings: readonly Finding[] = [];
  let checkedMs = Number.NEGATIVE_INFINITY;
  /** Since when there is none, by `performance.now()`; undefined while there is one, and before the first look. */
  let calmSince: number | undefined;
  let loop: Promise<void> = Promise.resolve();

  async function look(): Promise<void> {
    if (!watchesAnything(thresholds)) return;
    if (thresholds.errors && performance.now() - checkedMs >= CHECK_EVERY_MS) {
      findings = await options.check();
      checkedMs = performance.now();
    }
    const [facts, pressure] = await Promise.all([options.facts(), options.memoryPressure()]);
    const now = strainsOf({ facts, memoryPressure: pressure, findings }, thresholds);
    calmSince = now.length > 0 ? undefined : (calmSince ?? performance.now());
    const changed = now.length > 0 !== strains.length > 0;
    strains = now;
    if (!changed) return;
    log.warn({ strains }, strains.length === 0 ? 'under strain no more' : 'under strain');
    options.changed();
  }

  /** Whether it has lasted; afterwards it has to last as long again. */
  function lasts(name: string, strained: boolean): boolean {
    if (!strained) {
      since.delete(name);
      return false;
    }
    const from = since.get(name) ?? performance.now();
    since.set(name, from);
    if (performance.now() - from < holdMs) return false;
    since.delete(name);
    return true;
  }

  async function relieveItself(): Promise<void> {
    if (lasts(node, options.itself && strains.length > 0)) await options.evacuate(strains.join('; '));
  }

  async function openAgain(): Promise<void> {
    if (calmSince === undefined) return;
    const calmMs = performance.now() - calmSince;
    const by = options.cordonedBy();
    if (mayOpen({ by, itself: options.itsName, calmMs, calmMsMin: options.calmMs })) await options.open();
  }

  async function relievePeers(): Promise<void> {
    if (!options.peers || options.cordonedBy() !== undefined || strains.length > 0) return;
    const seen = options.seen();
    const strong = seen.filter(({ cordoned, strained }) => !cordoned && !strained).map(({ name }) => name);
    for (const peer of seen) {
      // One that is cordoned is being emptied, or a person has seen to it.
      if (!lasts(peer.name, peer.strained && !peer.cordoned) || !asks(node, strong)) continue;
      log.warn({ peer: peer.name }, 'a peer is strained: it is asked to empty itself');
      await peer.evacuate(`${node} sees that it is under strain`);
    }
  }

  async function run(): Promise<void> {
    while (!stopped.signal.aborted) {
      for (const act of [look, relieveItself, openAgain, relievePeers])
        await act().catch((error: unknown) => log.error({ error: messageOf(error) }, 'strain not relieved'));
      await sleep(options.everyMs, undefined, { signal: stopped.signal, ref: false }).catch(() => undefined);
    }
  }

  return {
    /** As they were last seen. */
    now: (): readonly string[] => strains,
    start(): void {
      if (watchesAnything(thresholds) || options.peers) loop = run();
    },
    async stop(): Promise<void> {
      stopped.abort();
      await loop;
    },
  };
}
