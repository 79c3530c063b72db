/**
 * The watch over the mesh for any number of pages. Invariant: one stream from the daemon, whoever looks; it is begun again when it
 * ends, until nobody wants it any more.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf } from '../base/errors.js';
import type { Connection } from './connect.js';
import { pageChange, pageSnapshot } from './dashboard-messages.js';
import { applied, followMesh } from './follow-mesh.js';
import type { Mesh } from './watch-text.js';

/** A message to a page: the event's name and its data. */
export type PageMessage = readonly [event: 'snapshot' | 'change' | 'down', data: unknown];

export interface DashboardFeed {
  /** @param listener is told how it stands at once, and then what happens. @returns what ends that. */
  listen(listener: (message: PageMessage) => void): () => void;
  /** Resolves when the daemon has said how it stands, or nobody wants to know any more. @throws when it cannot be followed. */
  readonly begun: Promise<void>;
  /** Resolves when nobody wants to know any more. */
  readonly ended: Promise<void>;
}

const EVERYTHING = { kinds: [], name: '' };
/** A daemon that starts anew is back in a second or two. */
const AGAIN_MS = 1_000;

/** Follows until the signal fires, or Ctrl-C. */
export function followForPages(connection: Connection, stop: AbortController): DashboardFeed {
  const listeners = new Set<(message: PageMessage) => void>();
  const { signal } = stop;
  let mesh: Mesh | undefined;
  let last: PageMessage | undefined;
  const { promise: begun, resolve: begin, reject: fail } = promised();
  const tell = (message: PageMessage) => {
    for (const listener of listeners) listener(message);
  };

  async function followOnce(): Promise<void> {
    for await (const item of followMesh(connection, EVERYTHING, signal)) {
      if (item.kind === 'snapshot') {
        mesh = item.mesh;
        last = undefined;
        tell(['snapshot', pageSnapshot(mesh)]);
        begin();
      }
      if (item.kind !== 'event') continue;
      mesh = mesh === undefined ? undefined : applied(mesh, item.event);
      const change = pageChange(item.event);
      if (change !== undefined) tell(['change', change]);
    }
  }

  async function follow(): Promise<void> {
    for (;;) {
      try {
        await followOnce();
        // Ctrl-C has ended it.
        stop.abort();
        return;
      } catch (error) {
        if (mesh === undefined) return fail(error);
        last = ['down', { why: messageOf(error) }];
        tell(last);
      }
      await sleep(AGAIN_MS, undefined, { signal }).catch(() => undefined);
      if (signal.aborted) return;
    }
  }

  return {
    begun,
    ended: follow().finally(begin),
    listen(listener) {
      if (mesh !== undefined) listener(['snapshot', pageSnapshot(mesh)]);
      if (last !== undefined) listener(last);
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

function promised() {
  let resolve: () => void = () => undefined;
  let reject: (error: unknown) => void = () => undefined;
  const promise = new Promise<void>((...both) => {
    [resolve, reject] = both;
  });
  return { promise, resolve, reject };
}
