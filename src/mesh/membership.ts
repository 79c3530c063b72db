/**
 * Runs the membership protocol: gives the machine of `swim/` its clock, its network and its memory of peers. Invariant: one
 * event at a time; what it asks for is done at once and never waited for; who was met is tried again for ever, also by the
 * next daemon.
 */
import { performance } from 'node:perf_hooks';
import type { Logger } from 'pino';
import { messageOf, refused } from '../base/errors.js';
import type { Holding } from './directory.js';
import type { Remembered } from './remembered-peers.js';
import type { Card } from './swim/card.js';
import { settingsFor } from './swim/settings.js';
import { type Call, type Member, type News, newSwim, type Output, type Swim, type Whom } from './swim/state.js';
import { type SwimEvent, step, wakeAt } from './swim/swim.js';
import type { Message } from './swim/words.js';

export interface MembershipOptions {
  readonly probeMs: number;
  readonly card: Card;
  readonly claims: readonly Holding[];
  /** From the config: of known names, or only addresses. */
  readonly seeds: readonly Whom[];
  /** Who was met by earlier daemons. */
  readonly remembered: Remembered;
  /** @returns the answer and the name in the answerer's certificate. @throws when there is none. */
  readonly exchange: (whom: Whom, message: Message, timeoutMs: number) => Promise<{ from: string; message: Message }>;
  readonly heard: (news: readonly News[]) => void;
  readonly log: Logger;
}

export type Membership = ReturnType<typeof createMembership>;

/** Beyond the machine's own limit: an answer that comes no more. */
const LATE_MS = 50;
/** Messages that a peer may send at once, and then in each probe period: a sound one sends some ten. */
const BURST = 400;
const PER_PERIOD = 20;

/** Names of peers. */
export interface Told {
  readonly told: string[];
  readonly notTold: string[];
}

export function toldOf(...some: readonly Told[]): Told {
  return { told: some.flatMap(({ told }) => told), notTold: some.flatMap(({ notTold }) => notTold) };
}

const nowhere = ({ name = 'a node' }: Whom): Promise<never> =>
  Promise.reject(refused('unavailable', `${name} has not said where it is reached`));

export function createMembership(options: MembershipOptions) {
  const { probeMs, log, card, claims, remembered } = options;
  const swim: Swim = newSwim({
    settings: settingsFor(probeMs),
    random: Math.random,
    card,
    revision: Date.now(),
    claims,
    known: [...options.seeds, ...remembered.peers.filter(({ name }) => name !== card.name)],
  });
  const asks = new Map<number, (message: Message) => void>();
  /** Those who wait for the end of a call. */
  const ends = new Map<number, (end: string | Error) => void>();
  const buckets = new Map<string, { tokens: number; at: number }>();
  let asked = 0;
  let timer: NodeJS.Timeout | undefined;
  let stopped = false;

  function run(event: SwimEvent): Output {
    const output = step(swim, event, performance.now());
    for (const call of output.calls) void make(call);
    for (const { ask, message } of output.answers) {
      asks.get(ask)?.(message);
      asks.delete(ask);
    }
    if (output.news.length > 0) {
      tellNews(output.news);
      options.heard(output.news);
    }
    wakeLater();
    return output;
  }

  function wakeLater(): void {
    clearTimeout(timer);
    if (stopped) return;
    timer = setTimeout(() => run({ kind: 'time' }), Math.max(1, wakeAt(swim) - performance.now()));
    timer.unref();
  }

  async function make({ call, to, message, timeoutMs }: Call): Promise<void> {
    try {
      const answer = await (to.endpoint === '' ? nowhere(to) : options.exchange(to, message, timeoutMs + LATE_MS));
      if (stopped) return;
      run({ kind: 'answered', call, ...answer });
      ends.get(call)?.(answer.from);
    } catch (error) {
      log.debug({ peer: to.name ?? to.endpoint, error: messageOf(error) }, 'a member did not answer');
      if (!stopped) run({ kind: 'failed', call });
      ends.get(call)?.(error instanceof Error ? error : new Error(messageOf(error)));
    }
    ends.delete(call);
  }

  function tellNews(news: readonly News[]): void {
    for (const one of news) {
      if (one.kind !== 'member') continue;
      const facts = { peer: one.name, before: one.before ?? 'unknown', now: one.now };
      // Suspicions come and go; who is suspected in earnest is dead soon.
      if (one.now === 'suspect' || one.before === 'suspect') log.debug(facts, 'member');
      if (one.now !== 'suspect' && (one.before !== 'suspect' || one.now !== 'alive')) log.info(facts, 'member');
    }
    const met = [...swim.members.values()].filter((member) => member.cardSeen > 0 && member.state !== 'left');
    remembered.keep(met.map(({ name, card: { endpoint, overlayAddress } }) => ({ name, endpoint, overlayAddress })));
  }

  /** @throws `refused` when a peer says more than any sound one. */
  function demandMeasure(from: string): void {
    const now = performance.now();
    const bucket = buckets.get(from) ?? { tokens: BURST, at: now };
    const tokens = Math.min(BURST, bucket.tokens + ((now - bucket.at) / probeMs) * PER_PERIOD);
    buckets.set(from, { tokens: Math.max(0, tokens - 1), at: now });
    if (tokens < 1) throw refused('unavailable', `${from} sends more than ${BURST} messages at once`);
  }

  const ended = (call: number) => new Promise<string | Error>((resolve) => void ends.set(call, resolve));

  return {
    members: (): Iterable<Member> => swim.members.values(),
    member: (name: string): Member | undefined => swim.members.get(name),
    aliveCount: (): number => swim.alive,
    card: (): Card => swim.self.card,
    /** Since when it is in its state, in milliseconds. */
    ageMs: (member: Member): number => performance.now() - member.since,

    /** Begins. @returns when everybody who was tried first has answered or has not. */
    async start(): Promise<void> {
      const { calls } = run({ kind: 'begin' });
      await Promise.all(calls.map(({ call }) => ended(call)));
    },
    /** What a peer says, and what it is answered. @param from the name in its certificate. */
    async asked(from: string, message: Message): Promise<Message> {
      if (stopped || from === card.name) throw refused('unavailable', 'this node takes no part in the mesh now');
      demandMeasure(from);
      return await new Promise((resolve) => {
        asked += 1;
        asks.set(asked, resolve);
        run({ kind: 'asked', ask: asked, from, message });
      });
    },
    setCard: (next: Card): void => void run({ kind: 'card', card: next }),
    claim: (next: readonly Holding[]): void => void run({ kind: 'claims', claims: next }),
    /** @returns the names of the members that have heard from this node itself what it is and owns, and of those that have not. */
    async tell(): Promise<Told> {
      const { calls } = run({ kind: 'tell' });
      const tells = calls.filter(({ message }) => message.kind === 'push');
      const one = async ({ call, to: { name = '' } }: Call): Promise<Told> =>
        typeof (await ended(call)) === 'string' ? { told: [name], notTold: [] } : { told: [], notTold: [name] };
      return toldOf(...(await Promise.all(tells.map(one))));
    },
    /** @returns the name of who answers there. @throws `refused` when nobody does. */
    async join(endpoint: string): Promise<string> {
      const { calls } = run({ kind: 'join', whom: { name: undefined, endpoint } });
      const joining = calls.find(({ message }) => message.kind === 'digest');
      if (joining === undefined) throw refused('state', 'this node takes no part in the mesh now');
      const end = await ended(joining.call);
      if (typeof end === 'string') return end;
      throw refused('unavailable', `no node of the mesh answers at ${endpoint}: ${end.message}`, {
        remedy: 'It is tried again until it does. Are both certificates of one mesh, and does its cnvmd run?',
      });
    },
    /** Those who can be reached have heard it then. */
    async leave(): Promise<void> {
      const { calls } = run({ kind: 'leave' });
      remembered.keep([]);
      await Promise.all(calls.map(({ call }) => ended(call)));
    },
    async stop(): Promise<void> {
      stopped = true;
      clearTimeout(timer);
      await remembered.stop();
    },
  };
}
