/**
 * The watch over the mesh. Invariant: it costs nothing while nobody watches; nobody who reads slowly holds anything up; all that
 * watch here share one stream from each peer.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { abortable } from '../base/abortable.js';
import { refused } from '../base/errors.js';
import type { CnvmView } from '../cnvms/cnvm.js';
import type { Member } from '../mesh/swim/state.js';
import { type FollowLink, followPeers } from './follow-peers.js';
import {
  type Happening,
  happenings,
  NOTHING,
  type Standing,
  type Wanted,
  type WatchedCnvm,
  type WatchedMigration,
  wantedOf,
  wants,
} from './happenings.js';
import { createOutlet, type Outlet } from './outlet.js';
import { createOwnFeed, type News, type OwnFeedOptions } from './own-feed.js';
import { type Known, stand } from './stand.js';

export interface WatchingOptions extends OwnFeedOptions {
  readonly node: string;
  readonly mesh: {
    readonly members: () => { readonly own: Known['own']; readonly others: Iterable<Member> };
    readonly peers: () => readonly { readonly name: string; readonly link: FollowLink }[];
    readonly directory: { elsewhere(): readonly CnvmView[] };
    onHeard(listener: () => void): void;
  };
  readonly log: Logger;
}

/** What a watcher gets, in this order: a snapshot, happenings; and after a loss a snapshot again. */
export type Watched =
  | { readonly kind: 'snapshot'; readonly node: string; readonly standing: Standing }
  | { readonly kind: 'happening'; readonly happening: Happening }
  | { readonly kind: 'lost'; readonly count: number };

/** Each costs a stream and a queue. */
const READERS_MAX = 200;
/** About what a mesh of a hundred nodes says in a busy second. */
const WAITING_MAX = 1_000;
/** A watcher that comes first waits so long for the peers to tell how they stand. */
const FIRST_WORDS_MS = 1_000;
const FIRST_LOOK_MS = 20;
/** Whoever looks again and again is not to begin anew each time. */
const LINGER_MS = 5_000;
/** Of one node: far more than run at once, and those that have ended lately. */
const MIGRATIONS_MAX = 500;

export function createWatching(options: WatchingOptions) {
  const { node, mesh, log } = options;
  const feed = createOwnFeed(options);
  const words = new Map<string, { cnvms: readonly WatchedCnvm[]; migrations: Map<string, WatchedMigration> }>();
  const watchers = new Map<Outlet<Happening>, Wanted>();
  const stopped = new AbortController();
  let readers = 0;
  /** Of them, those who watch the whole mesh, or are about to. */
  let watching = 0;
  let standing: Standing = NOTHING;
  let end: Promise<() => void> | undefined;
  let lingering: NodeJS.Timeout | undefined;
  let looking = false;

  function look(): void {
    const before = standing;
    standing = stand({ node, ...mesh.members(), elsewhere: mesh.directory.elsewhere(), words });
    for (const happening of happenings(before, standing)) {
      const isProgress = happening.kind === 'migration' && happening.change === 'progress';
      for (const [outlet, wanted] of watchers)
        if (wants(wanted, happening)) outlet.put(happening, isProgress ? progressKey(happening.migration) : undefined);
    }
  }

  /** Soon, once for all that came at one go. */
  function lookSoon(): void {
    if (end === undefined || looking) return;
    looking = true;
    setImmediate(() => {
      looking = false;
      if (end !== undefined) look();
    });
  }

  function hear(from: string, news: News | undefined): void {
    if (news === undefined) words.delete(from);
    else takeIn(from, news);
    // What has happened to a migration is told one by one: the next word may be that it is in another phase again.
    if (news?.kind === 'migration') look();
    else lookSoon();
  }

  function takeIn(from: string, news: News): void {
    const word = words.get(from) ?? { cnvms: [], migrations: new Map() };
    words.set(from, word);
    if (news.kind !== 'migration') word.cnvms = news.cnvms;
    if (news.kind === 'everything') word.migrations = new Map(news.migrations.map((one) => [one.id, one]));
    if (news.kind !== 'migration') return;
    word.migrations.set(news.migration.id, news.migration);
    const oldest = word.migrations.keys().next();
    if (word.migrations.size > MIGRATIONS_MAX && !oldest.done) word.migrations.delete(oldest.value);
  }

  async function begin(): Promise<() => void> {
    const unfollow = await feed.follow((news) => hear(node, news));
    const endPeers = followPeers({ peers: mesh.peers, hear, log });
    const awaited = () => [...mesh.members().others].filter(({ state }) => state === 'alive').map(({ name }) => name);
    for (let waited = 0; waited < FIRST_WORDS_MS && !awaited().every((name) => words.has(name)); ) {
      await sleep(FIRST_LOOK_MS, undefined, { ref: false });
      waited += FIRST_LOOK_MS;
    }
    look();
    return () => {
      unfollow();
      endPeers();
      words.clear();
      standing = NOTHING;
    };
  }

  function leave(): void {
    clearTimeout(lingering);
    if (watching > 0) return;
    lingering = setTimeout(() => {
      void end?.then((stop) => stop());
      end = undefined;
    }, LINGER_MS);
    lingering.unref();
  }

  /** @throws `refused` when too many read already. */
  function demandRoom(): void {
    if (readers >= READERS_MAX) throw refused('unavailable', `${READERS_MAX} watch ${node} already`);
    readers += 1;
  }

  mesh.onHeard(lookSoon);

  return {
    /** Something of what this node owns may be another now. */
    kick: feed.kick,
    told: feed.told,

    /** What happens anywhere in the mesh, until the signal fires. */
    async *watch(wanted: Wanted, signal: AbortSignal): AsyncGenerator<Watched> {
      demandRoom();
      const outlet = createOutlet<Happening>(WAITING_MAX);
      const both = AbortSignal.any([signal, stopped.signal]);
      try {
        watching += 1;
        clearTimeout(lingering);
        end ??= begin();
        await abortable(end, both);
        watchers.set(outlet, wanted);
        yield { kind: 'snapshot', node, standing: wantedOf(wanted, standing) };
        for (;;) {
          const next = await outlet.next(both);
          if ('item' in next) yield { kind: 'happening', happening: next.item };
          else {
            yield { kind: 'lost', count: next.lost };
            yield { kind: 'snapshot', node, standing: wantedOf(wanted, standing) };
          }
        }
      } finally {
        readers -= 1;
        watching -= 1;
        watchers.delete(outlet);
        leave();
      }
    },

    /** What happens on this node, for a peer, until the signal fires. */
    async *tellOwn(signal: AbortSignal): AsyncGenerator<News> {
      demandRoom();
      const outlet = createOutlet<News>(WAITING_MAX);
      const both = AbortSignal.any([signal, stopped.signal]);
      let unfollow: () => void = () => undefined;
      try {
        unfollow = await feed.follow((news) => outlet.put(news, keyOf(news)));
        for (;;) {
          const next = await outlet.next(both);
          yield 'item' in next ? next.item : feed.everything();
        }
      } finally {
        readers -= 1;
        unfollow();
      }
    },

    /** Afterwards nobody watches any more. */
    stop(): void {
      stopped.abort(refused('unavailable', `${node} is shutting down`));
      clearTimeout(lingering);
      void end?.then((stop) => stop());
      end = undefined;
    },
  };
}

/** Of what is told under one key only the latest is of use. */
function keyOf(news: News): string | undefined {
  if (news.kind === 'cnvms') return 'cnvms';
  if (news.kind === 'everything' || news.migration.progress === undefined) return undefined;
  return progressKey(news.migration);
}

const progressKey = ({ id, phase }: WatchedMigration): string => `${id} ${phase}`;
