/**
 * The watch over the mesh, as the commands follow it. Invariant: a snapshot is whole before it is given; Ctrl-C, or TERM, ends it
 * without an error.
 */
import {
  type WatchEvent,
  WatchEventType,
  type WatchRequest,
  type WatchResponse,
  type WatchSnapshot,
} from '../gen/cnvm/v1/watch.js';
import { type Connection, messages } from './connect.js';
import type { Mesh } from './watch-text.js';

export type FollowedItem =
  | { readonly kind: 'snapshot'; readonly time: Date | undefined; readonly mesh: Mesh }
  | { readonly kind: 'event'; readonly event: WatchEvent }
  | { readonly kind: 'lost'; readonly count: number };

/** @param signal ends it too. @throws the daemon's error, or that it is gone. */
export async function* followMesh(
  connection: Connection,
  request: WatchRequest,
  signal?: AbortSignal,
): AsyncGenerator<FollowedItem> {
  const stream = connection.watch.watch(request);
  let ended = false;
  const end = () => {
    ended = true;
    stream.cancel();
  };
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.on(name, end);
  signal?.addEventListener('abort', end, { once: true });
  const parts: WatchSnapshot[] = [];
  try {
    for await (const { what } of messages<WatchResponse>(connection, stream)) {
      if (what?.$case === 'event') yield { kind: 'event', event: what.value };
      if (what?.$case === 'lost') yield { kind: 'lost', count: Number(what.value) };
      if (what?.$case !== 'snapshot') continue;
      parts.push(what.value);
      if (!what.value.more) yield { kind: 'snapshot', time: what.value.time, mesh: meshOf(parts.splice(0)) };
    }
  } catch (error) {
    if (!ended) throw error;
  } finally {
    for (const name of ['SIGINT', 'SIGTERM'] as const) process.off(name, end);
    signal?.removeEventListener('abort', end);
    stream.cancel();
  }
}

function meshOf(parts: readonly WatchSnapshot[]): Mesh {
  return {
    node: parts[0]?.node ?? '',
    members: parts.flatMap(({ members }) => members),
    cnvms: parts.flatMap(({ cnvms }) => cnvms),
    migrations: parts.flatMap(({ migrations }) => migrations),
  };
}

/** As everything stands after the event. Pure. */
export function applied(mesh: Mesh, { type, subject }: WatchEvent): Mesh {
  switch (subject?.$case) {
    case 'member': {
      const gone = type === WatchEventType.MEMBER_FORGOTTEN;
      return { ...mesh, members: replaced(mesh.members, subject.value, ({ name }) => name, gone) };
    }
    case 'cnvm': {
      const gone = type === WatchEventType.CNVM_REMOVED;
      return { ...mesh, cnvms: replaced(mesh.cnvms, subject.value, ({ name }) => name, gone) };
    }
    case 'migration': {
      const gone = type === WatchEventType.MIGRATION_UNHEARD;
      return { ...mesh, migrations: replaced(mesh.migrations, subject.value, ({ id }) => id, gone) };
    }
    case undefined:
      return mesh;
  }
}

function replaced<T>(all: readonly T[], one: T, keyOf: (one: T) => string, gone: boolean): T[] {
  const key = keyOf(one);
  const known = all.some((other) => keyOf(other) === key);
  if (gone) return all.filter((other) => keyOf(other) !== key);
  return known ? all.map((other) => (keyOf(other) === key ? one : other)) : [...all, one];
}
