/** A person's orders about snapshots, as the commands give them. */
import { type Connection, messages } from '../../src/cli/connect.js';
import type {
  Restored,
  RestoreSnapshotRequest,
  RestoreSnapshotResponse,
  Snapshot,
  TakeSnapshotResponse,
} from '../../src/gen/cnvm/v1/snapshot.js';

type Ask = <T>(act: (connection: Connection) => Promise<T>) => Promise<T>;

export function snapshotOrders(ask: Ask) {
  return {
    async snapshot(name: string, directory: string, stop = false, ociArchive = false): Promise<Snapshot> {
      return await ask(async (at) => {
        const stream = at.snapshots.takeSnapshot({ name, directory, stop, ociArchive });
        let taken: Snapshot | undefined;
        for await (const { event } of messages<TakeSnapshotResponse>(at, stream))
          if (event?.$case === 'snapshot') taken = event.value;
        if (taken === undefined) throw new Error('the snapshot ended without a word');
        return taken;
      });
    },
    async restoreFrom(directory: string, wishes: Partial<RestoreSnapshotRequest> = {}): Promise<Restored> {
      const nothing = { name: '', address: '', landing: '', cold: false, noStart: false, force: false };
      return await ask(async (at) => {
        const stream = at.snapshots.restoreSnapshot({ ...nothing, ...wishes, directory });
        let restored: Restored | undefined;
        for await (const { event } of messages<RestoreSnapshotResponse>(at, stream))
          if (event?.$case === 'restored') restored = event.value;
        if (restored === undefined) throw new Error('the restore ended without a word');
        return restored;
      });
    },
  };
}
