/**
 * The evacuations of this node. Invariant: one at a time; before it asks anybody the node is cordoned, durably, and it stays so
 * when the evacuation has ended, however it ended. One that a daemon's end has cut short is gone on with by the next daemon.
 */
import { once } from 'node:events';
import type { Logger } from 'pino';
import { messageOf, refused } from '../base/errors.js';
import type { Cordon, Cordoned } from '../mesh/cordon.js';
import { createEvacuation, type EvacuationPorts } from './evacuate.js';
import type { EvacuateOrder, EvacuationEvent, EvacuationSummary } from './evacuation.js';
import { type Intent, type IntentFile, leftOf } from './intent.js';
import { planEvacuation } from './plan-evacuation.js';

export interface EvacuationsOptions extends EvacuationPorts {
  readonly cordon: Cordon;
  readonly intent: IntentFile;
  /** The name of the peer that is meant. @throws `refused` when there is none. */
  readonly nameOf: (peer: string) => string;
  /** Keeps for ever what was decided; durable when it resolves. */
  readonly audit: (facts: Readonly<Record<string, string | number>>) => Promise<void>;
  readonly log: Logger;
}

/** What a caller leaves to the config. */
export interface EvacuationDefaults {
  readonly parallel: number;
  readonly deadlineMs: number;
}

/** Who asks. */
export interface Asker {
  readonly by: string;
  /** It goes on without its caller, as when no person asked. */
  readonly detached: boolean;
  /** It only wants to hear of the one that runs. */
  readonly followOnly: boolean;
  /** Fires when the caller has gone. */
  readonly signal: AbortSignal;
}

interface Running {
  readonly by: string;
  /** A daemon before this one began it. */
  readonly resumed: boolean;
  readonly story: EvacuationEvent[];
  readonly listeners: Set<() => void>;
  readonly tell: (event: EvacuationEvent) => void;
  readonly abort: AbortController;
  /** Moves that run. */
  moving: () => number;
  followers: number;
  over: boolean;
  failure: unknown;
  done: Promise<void>;
}

export function createEvacuations(options: EvacuationsOptions) {
  const { node, cordon, log } = options;
  let running: Running | undefined;
  let closing = false;
  /** Fires when what the daemon before has left was looked at. */
  const lookedBack = new AbortController();

  /** Begins one. Nothing is asked of anybody before the node is cordoned, and what was asked for is on its disk. */
  async function start(order: EvacuateOrder, by: string): Promise<Running> {
    const { parallel, deadlineMs, reason } = order;
    const to = order.to.map(options.nameOf);
    return await begin({ ...order, to }, by, false, async () => {
      await options.audit({ act: 'evacuate', who: by, node, reason, to: to.join(' ') || 'any' });
      await cordon.set(reason, by);
      await options.intent.set({ to, parallel, deadlineMs, reason, by, since: new Date().toISOString() });
    });
  }

  async function begin(order: EvacuateOrder, by: string, resumed: boolean, prepare: () => Promise<void>) {
    const story: EvacuationEvent[] = [];
    const listeners = new Set<() => void>();
    const tell = (event: EvacuationEvent) => {
      story.push(event);
      for (const listener of listeners) listener();
    };
    const one: Running = {
      ...{ by, resumed, story, listeners, tell, abort: new AbortController(), moving: () => 0 },
      // Whoever asked for it counts from now on; the one at the daemon before cannot follow it, and it goes on all the same.
      ...{ followers: 1, over: false, failure: undefined, done: Promise.resolve() },
    };
    // At once: who asks meanwhile follows this one.
    running = one;
    try {
      await prepare();
    } catch (error) {
      close(one, error);
      throw error;
    }
    log.warn({ by, resumed, reason: order.reason, to: order.to, deadlineMs: order.deadlineMs }, 'evacuation begins');
    one.done = tellAll(one, order);
    return one;
  }

  /** Never throws: who follows it is told. */
  async function tellAll(one: Running, order: EvacuateOrder): Promise<void> {
    const { tell } = one;
    try {
      const { run, moving } = createEvacuation(options, order, tell, one.abort.signal);
      one.moving = moving;
      if (one.resumed)
        tell({ kind: 'step', text: `it goes on where the daemon before was ended; ${one.by} asked for it` });
      const summary = await run();
      await forget();
      logEnd(summary);
      tell({ kind: 'summary', summary });
      close(one, undefined);
    } catch (error) {
      log.error({ error: messageOf(error) }, 'evacuation failed');
      await forget();
      close(one, error);
    }
  }

  /** It has ended, but for the end of this daemon: then the next one goes on with it. */
  async function forget(): Promise<void> {
    if (closing) return;
    await options.intent.clear().catch((error: unknown) => {
      log.error({ error: messageOf(error) }, 'the next daemon will take up an evacuation that has ended');
    });
  }

  /** What the daemon before has left to do. @throws when it cannot be begun. */
  async function takeUp(left: Intent): Promise<void> {
    const order = leftOf(left, Date.now());
    if (order === undefined) {
      log.error(
        { by: left.by, since: left.since },
        'an evacuation was cut short, and its time is up: it does not go on',
      );
      await options.intent.clear();
      return;
    }
    const facts = { node, reason: left.reason, to: left.to.join(' ') || 'any' };
    await begin(order, left.by, true, async () => {
      await options.audit({ act: 'resume-evacuation', who: left.by, ...facts });
      // As it was, if nobody has lifted it while no daemon ran.
      await cordon.set(left.reason, left.by);
    });
  }

  function close(one: Running, failure: unknown): void {
    one.over = true;
    one.failure = failure;
    running = undefined;
    for (const listener of one.listeners) listener();
  }

  function logEnd({ end, results, totalMs }: EvacuationSummary): void {
    const stayed = results.filter(({ outcome }) => outcome === 'stayed' || outcome === 'in-doubt');
    const facts = { end, moved: results.length - stayed.length, ms: Math.round(totalMs) };
    if (stayed.length === 0) log.warn(facts, 'evacuation ended: the node is empty');
    else log.error({ ...facts, stayed: stayed.map(({ name, reasons }) => ({ name, reasons })) }, 'evacuation ended');
  }

  /** @throws `refused` when there is none. */
  async function theOneThatRuns(signal: AbortSignal): Promise<Running> {
    // The daemon before may have left one that is about to go on.
    if (running === undefined && options.intent.get() !== undefined && !lookedBack.signal.aborted)
      await once(lookedBack.signal, 'abort', { signal });
    if (running !== undefined) return running;
    throw refused('state', `${node} is not being evacuated, or not any more`, {
      remedy: 'What is where by now: cnvm ls --all. What moved: cnvm migrations',
    });
  }

  /** The story so far, and then what comes. Who leaves last ends it. @param counts whether it has been counted already. */
  async function* follow(one: Running, asker: Asker, counts = false): AsyncGenerator<EvacuationEvent> {
    const { detached, signal } = asker;
    let wake: () => void = () => undefined;
    const listener = () => wake();
    one.listeners.add(listener);
    signal.addEventListener('abort', listener, { once: true });
    one.followers += (detached ? 2 : 1) - (counts ? 1 : 0);
    try {
      for (let next = 0; ; ) {
        const event = one.story[next];
        signal.throwIfAborted();
        if (event !== undefined) {
          next += 1;
          yield event;
        } else if (one.over) {
          if (one.failure !== undefined) throw one.failure;
          return;
        } else {
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
        }
      }
    } finally {
      one.listeners.delete(listener);
      signal.removeEventListener('abort', listener);
      one.followers -= 1;
      if (one.followers === 0 && !one.over) endIt(one, 'nobody follows it any more');
    }
  }

  /** @throws `refused` while one runs. */
  function demandNone(): void {
    if (running === undefined) return;
    throw refused('state', `${node} is being evacuated, by ${running.by}`, { remedy: 'Wait, or end that first.' });
  }

  function endIt(one: Running, why: string): void {
    log.warn({ why }, 'evacuation is ended: what moves is finished, nothing begins');
    one.abort.abort(refused('cancelled', why));
  }

  async function* plan(order: EvacuateOrder): AsyncGenerator<EvacuationEvent> {
    const story: EvacuationEvent[] = [];
    const to = order.to.map(options.nameOf);
    const summary = await planEvacuation(options, { ...order, to }, (event) => void story.push(event));
    yield* story;
    yield { kind: 'summary', summary };
  }

  return {
    /** Begins one, follows the one that runs, or plans one. @throws `refused` before anything changed. */
    async *evacuate(order: EvacuateOrder, asker: Asker): AsyncGenerator<EvacuationEvent> {
      if (closing) throw refused('unavailable', `${node} is shutting down`);
      if (asker.followOnly) {
        yield* follow(await theOneThatRuns(asker.signal), asker);
        return;
      }
      if (order.dryRun) {
        yield* plan(order);
        return;
      }
      const now = running;
      if (now !== undefined && order.to.length > 0)
        throw refused('state', `${node} is being evacuated already, by ${now.by}`, {
          remedy: 'Follow that one without --to, or end it first.',
        });
      if (now !== undefined) yield { kind: 'step', text: `${node} is being evacuated already, by ${now.by}` };
      yield* follow(now ?? (await start(order, asker.by)), asker, now === undefined);
    },

    /** Goes on with what the daemon before has not ended, if there is such a thing. Never throws. */
    async resume(): Promise<void> {
      const left = options.intent.get();
      if (left !== undefined && running === undefined && !closing)
        await takeUp(left).catch((error: unknown) => {
          log.error({ error: messageOf(error) }, 'an evacuation that was cut short does not go on');
        });
      lookedBack.abort();
    },

    /** No new move begins. @returns how many are being finished. @throws `refused` when there is none. */
    stop(by: string): number {
      if (running === undefined) throw refused('state', `${node} is not being evacuated`);
      endIt(running, `${by} ended it`);
      return running.moving();
    },

    /** Whether one runs. */
    runs: (): boolean => running !== undefined,

    async cordon(reason: string, by: string): Promise<Cordoned> {
      await options.audit({ act: 'cordon', who: by, node, reason });
      return await cordon.set(reason, by);
    },

    /** @param ifReason only when it is cordoned for that. @returns whether it was cordoned. @throws `refused` while one runs. */
    async uncordon(ifReason: string | undefined, by: string): Promise<boolean> {
      // The machine is up again for which it was emptied: that has no end to wait for any more.
      if (running?.resumed === true && ifReason !== undefined && cordon.get()?.reason === ifReason) {
        endIt(running, `${by} lifts the cordon`);
        await running.done;
      }
      demandNone();
      if (ifReason !== undefined && cordon.get()?.reason !== ifReason) return false;
      if (cordon.get() === undefined) return false;
      await options.audit({ act: 'uncordon', who: by, node });
      // Again: one may have begun meanwhile.
      demandNone();
      return await cordon.lift();
    },

    /** The daemon is about to end: no new move begins. Resolves when those that run have ended, by whoever ends them. */
    async close(): Promise<void> {
      closing = true;
      if (running === undefined) return;
      running.tell({
        kind: 'step',
        text: `the daemon of ${node} ends; until the deadline the next daemon goes on with it`,
      });
      endIt(running, `${node} is shutting down`);
      await running.done;
    },
  };
}
