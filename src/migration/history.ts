/** What is known of every migration of this node: events of those that run, the journal's word on those that ended. */
import { refused } from '../base/errors.js';
import type { Journal } from './journal.js';
import type { Migration, MigrationEvent } from './migration.js';
import type { Report } from './report.js';

type Listener = (event: MigrationEvent) => void;

interface Track {
  report: Report | undefined;
  last: MigrationEvent[];
  readonly listeners: Set<Listener>;
  over: boolean;
  readonly tell: Listener;
}

export type History = ReturnType<typeof createHistory>;

/**
 * @param onEnd told of every migration that has ended, whatever came of it.
 * @param onEvent told of every event, with the migration as it then is.
 */
export function createHistory(
  journal: Journal,
  onEnd: (ended: Migration) => void = () => undefined,
  onEvent: (migration: Migration, event: MigrationEvent) => void = () => undefined,
) {
  const tracks = new Map<string, Track>();

  return {
    /** Begins to keep the events of a migration. @returns what its report is to call. */
    open(id: string): Listener {
      const tell: Listener = (event) => {
        // Progress is only of use while it is new; the rest is the story so far.
        track.last = [...track.last.filter((old) => old.kind !== 'progress'), event];
        track.over = event.kind === 'ended' || event.kind === 'plan';
        for (const listener of track.listeners) listener(event);
        const migration = 'migration' in event ? event.migration : track.report?.migration;
        if (migration !== undefined) onEvent(migration, event);
        if (track.over) tracks.delete(id);
        if (event.kind === 'ended') onEnd(event.migration);
      };
      const track: Track = { report: undefined, last: [], listeners: new Set(), over: false, tell };
      tracks.set(id, track);
      return tell;
    },

    /** Whether it is under way here, in either direction. */
    runs: (id: string): boolean => tracks.has(id),
    /** The ids of those that are. */
    running: (): string[] => [...tracks.keys()],

    /** Ties the report to its events, so that the migration is listed as it stands; its first event is that it started. */
    follow(id: string, report: Report): void {
      const track = tracks.get(id);
      if (track === undefined) return;
      track.report = report;
      track.tell({ kind: 'started', migration: report.migration });
    },

    /** The story so far, and then what comes, to its end. Leaving early changes nothing. @throws `refused` when unknown. */
    async *watch(id: string): AsyncGenerator<MigrationEvent> {
      const track = tracks.get(id);
      if (track === undefined) {
        const entry = journal.get(id);
        if (entry === undefined) throw refused('not-found', `there is no migration ${id}`);
        yield { kind: 'ended', migration: entry.migration };
        return;
      }
      const queue = [...track.last];
      let wake: () => void = () => undefined;
      const listener: Listener = (event) => {
        // A slow watcher sees the latest progress, not every one.
        if (event.kind === 'progress' && queue.at(-1)?.kind === 'progress') queue.pop();
        queue.push(event);
        wake();
      };
      track.listeners.add(listener);
      try {
        for (;;) {
          const event = queue.shift();
          if (event !== undefined) {
            yield event;
            if (event.kind === 'ended' || event.kind === 'plan') return;
          } else {
            await new Promise<void>((resolve) => {
              wake = resolve;
            });
          }
        }
      } finally {
        track.listeners.delete(listener);
      }
    },

    /** Newest first. */
    list(name: string | undefined, limit: number): Migration[] {
      const running = [...tracks.values()].flatMap((track) =>
        track.report === undefined ? [] : [track.report.migration],
      );
      const ids = new Set(running.map((migration) => migration.id));
      const ended = journal.newestFirst().map((entry) => entry.migration);
      return [...running, ...ended.filter((migration) => !ids.has(migration.id))]
        .filter((migration) => name === undefined || migration.name === name)
        .sort((a, b) => b.startTime.localeCompare(a.startTime))
        .slice(0, limit);
    },
  };
}
