/** A snapshot that is an archive, as a directory for a while. Invariant: the archive is only read, and the directory goes. */
import { randomUUID } from 'node:crypto';
import { lstat, mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { refused } from '../base/errors.js';
import type { OnProgress } from '../images/image.js';
import { openArchive } from './oci-archive.js';
import type { SnapshotPorts } from './ports.js';
import { shortage } from './refusals.js';
import type { RestoreOrder } from './restore.js';

export const unpackedDir = (stateDir: string): string => join(stateDir, 'snapshots-unpacked');

/** Calls `act` with the order for a directory, whatever it was for. @throws `refused` when there is no room for that. */
export async function unpacked<T>(
  { stateDir, available }: Pick<SnapshotPorts, 'stateDir' | 'available'>,
  order: RestoreOrder,
  report: OnProgress,
  signal: AbortSignal,
  act: (order: RestoreOrder) => Promise<T>,
): Promise<T> {
  const { directory: archive } = order;
  const found = await lstat(archive).catch(() => undefined);
  if (!archive.startsWith('/') || found?.isFile() !== true) return await act(order);
  const reason = shortage(stateDir, found.size, await available(stateDir));
  if (reason !== undefined) throw refused('state', reason, { reasons: [reason] });
  const directory = join(unpackedDir(stateDir), randomUUID());
  await mkdir(directory, { recursive: true, mode: 0o700 });
  try {
    report({ step: 'archive', bytesDone: 0, bytesTotal: 0 });
    await openArchive(archive, directory, signal);
    return await act({ ...order, directory, archive });
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}
