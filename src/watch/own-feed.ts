/**
 * What happens on this node itself, for those who follow it: its peers, and its own watchers. Invariant: who follows gets
 * everything first, and then each change; while nobody does, nothing is looked at.
 */
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { messageOf } from '../base/errors.js';
import type { Migration, MigrationEvent, Phase } from '../migration/migration.js';
import { type WatchedCnvm, type WatchedMigration, watchedOf } from './happenings.js';

/** What a node says of itself. */
export type News =
  | {
      /** In the place of all that was said before. */
      readonly kind: 'everything';
      readonly cnvms: readonly WatchedCnvm[];
      readonly migrations: readonly WatchedMigration[];
    }
  | { readonly kind: 'cnvms'; readonly cnvms: readonly WatchedCnvm[] }
  | { readonly kind: 'migration'; readonly migration: WatchedMigration };

export interface OwnFeedOptions {
  /** What this node owns, as it is now. */
  readonly cnvms: () => Promise<readonly WatchedCnvm[]>;
  /** Newest first. */
  readonly migrations: (name: undefined, limit: number) => readonly Migration[];
  readonly log: Logger;
}

/** Nothing tells when a cnvm ends by itself, so it is looked for: each look costs a program's run for each cnvm. */
const LOOK_EVERY_MS = 3_000;
/** Several changes come at once; and a look takes about as long. */
const LOOK_AGAIN_MS = 100;
/** People do not read faster. */
const PROGRESS_EVERY_MS = 500;
/** Of those that have ended: a screen full. */
const PAST_MAX = 20;

export function createOwnFeed({ cnvms, migrations, log }: OwnFeedOptions) {
  const followers = new Set<(news: News) => void>();
  /** By migration and phase: when its progress was last told. */
  const toldAt = new Map<string, Map<Phase, number>>();
  let known: readonly WatchedCnvm[] = [];
  let looking: { readonly stop: AbortController; readonly first: Promise<void> } | undefined;
  /** Those who follow, or are about to. */
  let users = 0;
  let wake: () => void = () => undefined;
  let kicked = false;

  const everything = (): News => ({
    kind: 'everything',
    cnvms: known,
    migrations: migrations(undefined, PAST_MAX).map((migration) => watchedOf(migration)),
  });
  const tell = (news: News) => {
    for (const follower of followers) follower(news);
  };

  function kick(): void {
    kicked = true;
    wake();
  }

  async function look(): Promise<void> {
    try {
      const now = await cnvms();
      const changed = JSON.stringify(now) !== JSON.stringify(known);
      known = now;
      if (changed) tell({ kind: 'cnvms', cnvms: known });
    } catch (error) {
      log.warn({ error: messageOf(error) }, 'what runs here could not be looked at for those who watch');
    }
  }

  async function keepLooking(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const woken = new Promise<void>((resolve) => {
        wake = resolve;
      });
      if (!kicked) await Promise.race([woken, sleep(LOOK_EVERY_MS, undefined, { ref: false })]);
      if (signal.aborted) return;
      kicked = false;
      await look();
      await sleep(LOOK_AGAIN_MS, undefined, { ref: false });
    }
  }

  return {
    /** As it is now, for one who has missed some of it. */
    everything,

    /** @param follower is told everything before this resolves, and every change from then on. @returns what ends that. */
    async follow(follower: (news: News) => void): Promise<() => void> {
      if (looking === undefined) {
        const stop = new AbortController();
        looking = { stop, first: look() };
        void keepLooking(stop.signal);
      }
      const own = looking;
      users += 1;
      await own.first;
      followers.add(follower);
      follower(everything());
      return () => {
        users -= followers.delete(follower) ? 1 : 0;
        if (users > 0 || looking !== own) return;
        own.stop.abort();
        kick();
        looking = undefined;
      };
    },

    /** Something of what this node owns may be another now. */
    kick,

    /** Something has happened to a migration that this node takes part in. */
    told(migration: Migration, event: MigrationEvent): void {
      const phases = toldAt.get(migration.id) ?? new Map<Phase, number>();
      toldAt.set(migration.id, phases);
      if (event.kind === 'ended' || event.kind === 'plan') toldAt.delete(migration.id);
      if (event.kind === 'plan' || event.kind === 'step') return;
      const progress = event.kind === 'progress' ? event.progress : undefined;
      const last = phases.get(migration.phase);
      const now = performance.now();
      // The first of a phase is told at once.
      if (progress !== undefined && last !== undefined && now - last < PROGRESS_EVERY_MS) return;
      phases.set(migration.phase, now);
      tell({ kind: 'migration', migration: watchedOf(migration, progress) });
      if (last === undefined || progress === undefined) kick();
    },
  };
}
