/** `cnvm.v1.SnapshotService` over what the snapshots' room offers. */
import type {
  RestoreSnapshotResponse,
  Snapshot,
  SnapshotServiceServer,
  TakeSnapshotResponse,
} from '../gen/cnvm/v1/snapshot.js';
import type { Progress } from '../images/image.js';
import { bytesOf } from '../snapshots/manifest.js';
import type { Snapshots } from '../snapshots/snapshots.js';
import type { Taken } from '../snapshots/take.js';
import { type Handling, serverStream } from './handle.js';
import { toProgress } from './image-messages.js';
import { optional, required, toBig, toCnvm } from './messages.js';
import { withProgress } from './with-progress.js';

export type SnapshotsPort = Pick<Snapshots, 'take' | 'restore'>;

export function snapshotCalls(handling: Handling, snapshots: SnapshotsPort): SnapshotServiceServer {
  return {
    takeSnapshot: serverStream(handling, async (request, send, { signal }) => {
      const { stop, ociArchive: archive } = request;
      const place = { directory: required(request.directory, 'directory'), archive };
      const order = { name: required(request.name, 'name'), ...place, stop };
      const tell = (progress: Progress) =>
        send({ event: { $case: 'progress', value: toProgress(progress) } } satisfies TakeSnapshotResponse);
      const taken = await withProgress((report) => snapshots.take(order, report, signal), tell);
      await send({ event: { $case: 'snapshot', value: toSnapshot(taken) } });
    }),
    restoreSnapshot: serverStream(handling, async (request, send, { signal, caller }) => {
      const order = {
        directory: required(request.directory, 'directory'),
        name: optional(request.name),
        address: optional(request.address),
        landing: optional(request.landing),
        ...{ cold: request.cold, start: !request.noStart, force: request.force },
      };
      const tell = (progress: Progress) =>
        send({ event: { $case: 'progress', value: toProgress(progress) } } satisfies RestoreSnapshotResponse);
      const who = `${caller.name} (${caller.role})`;
      const restored = await withProgress((report) => snapshots.restore(order, who, report, signal), tell);
      const { memory, notes } = restored;
      await send({ event: { $case: 'restored', value: { cnvm: toCnvm(restored.cnvm), memory, notes: [...notes] } } });
    }),
  };
}

function toSnapshot({ directory, manifest, freezeMs }: Taken): Snapshot {
  const { record, memory, createTime } = manifest;
  const bytes = toBig(bytesOf(manifest));
  return { directory, name: record.name, memory, bytes, createTime: new Date(createTime), freezeMs };
}
