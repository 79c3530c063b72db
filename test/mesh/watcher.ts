/** Somebody who watches a mesh, and remembers what was seen. */
import { type Connection, connect } from '../../src/cli/connect.js';
import { applied, type FollowedItem, followMesh } from '../../src/cli/follow-mesh.js';
import type { Mesh } from '../../src/cli/watch-text.js';
import type { WatchRequest } from '../../src/gen/cnvm/v1/watch.js';

const EVERYTHING: WatchRequest = { kinds: [], name: '' };

export type Watcher = ReturnType<typeof openWatcher>;

/** Watches at the daemon behind the socket from now on, until it is told to leave. */
export function openWatcher(socket: string, request = EVERYTHING) {
  const over = { endpoint: undefined, ca: undefined, cert: undefined, key: undefined, serverName: undefined };
  const connection: Connection = connect({ socket, ...over });
  const gone = new AbortController();
  const seen: FollowedItem[] = [];
  let mesh: Mesh | undefined;
  let failure: unknown;
  const done = (async () => {
    try {
      for await (const item of followMesh(connection, request, gone.signal)) {
        seen.push(item);
        if (item.kind === 'snapshot') mesh = item.mesh;
        if (item.kind === 'event' && mesh !== undefined) mesh = applied(mesh, item.event);
      }
    } catch (error) {
      failure = error;
    }
  })();
  return {
    seen,
    failure: () => failure,
    /** As it stands by all that was seen; undefined before the first snapshot. */
    mesh: () => mesh,
    /** "CNVM_MOVED web" and so on, but for what is no news to a person. */
    events: (): string[] =>
      seen.flatMap((item) => {
        if (item.kind !== 'event' || /PROGRESS|MEMBER_CHANGED/.test(item.event.type)) return [];
        return [`${item.event.type.replace('WATCH_EVENT_TYPE_', '')} ${item.event.subject?.value.name ?? ''}`];
      }),
    stateOf(name: string): string {
      const cnvm = mesh?.cnvms.find((one) => one.name === name);
      return cnvm === undefined ? 'nowhere' : `${cnvm.state.replace('CNVM_STATE_', '').toLowerCase()} on ${cnvm.owner}`;
    },
    async leave(): Promise<void> {
      gone.abort();
      await done;
      connection.close();
    },
  };
}
