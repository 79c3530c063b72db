/**
 * A cnvm of a snapshot. Invariant: nothing is made before every sum and every reason against it has been looked at; when this
 * throws, nothing of it is here; and it never runs under a name that a living node has.
 */
import { randomUUID } from 'node:crypto';
import { copyFile, mkdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { hasErrno, messageOf, refused } from '../base/errors.js';
import { createUndo } from '../base/undo.js';
import { nextAddress } from '../cnvms/address.js';
import { landingZoneOf } from '../cnvms/check-new.js';
import type { CnvmRecord, CnvmView } from '../cnvms/cnvm.js';
import { reserveFor } from '../cnvms/reserve-port.js';
import type { OnProgress } from '../images/image.js';
import { bytesOf, DISK, MANIFEST, type Manifest, MEMORY, parseManifest } from './manifest.js';
import type { Notes } from './notes.js';
import type { SnapshotPorts } from './ports.js';
import { epochAfter, type Owner, restoreRefusals } from './refusals.js';
import { checkSums } from './sums.js';

export interface RestoreOrder {
  /** Absolute. */
  readonly directory: string;
  /** The archive that it was unpacked from, if it was. */
  readonly archive?: string;
  /** Undefined, here and below: as it was. */
  readonly name: string | undefined;
  readonly address: string | undefined;
  readonly landing: string | undefined;
  readonly cold: boolean;
  readonly start: boolean;
  readonly force: boolean;
}

export interface Restored {
  readonly cnvm: CnvmView;
  /** It goes on where it was frozen. */
  readonly memory: boolean;
  readonly notes: readonly string[];
}

/** What is to become of a snapshot. */
interface Restoring {
  readonly manifest: Manifest;
  readonly record: CnvmRecord;
  readonly hot: boolean;
  readonly owner: Owner | undefined;
  readonly notes: readonly string[];
}

type Ports = SnapshotPorts & { readonly notes: Notes };

/** Images lie in memory; what does not fit is refused by the kernel. */
const IMAGES_BYTES_MAX = 2 ** 40;

/** Afterwards it is this node's. @param who asks for it. @throws `refused` with every reason. */
export async function restoreSnapshot(
  ports: Ports,
  order: RestoreOrder,
  who: string,
  report: OnProgress,
  signal: AbortSignal,
): Promise<Restored> {
  const { locks, cnvms, images, audit, log, node } = ports;
  ports.demandOpen();
  const manifest = await readManifest(order);
  const name = order.name ?? manifest.record.name;
  return await locks.with(name, 'being restored from a snapshot', async () => {
    // Only now: before, another one could have been restored under the name.
    const wanted = await plan(ports, manifest, order);
    await demandPossible(ports, wanted, order);
    const choice = { given: true, choose: () => wanted.record, drop: () => undefined };
    const held = await reserveFor(ports.reserving, choice);
    const letGo = images.hold(wanted.record.image.digest);
    try {
      await check(order, manifest, report, signal);
      if (wanted.owner !== undefined) {
        const { node: lost, epoch } = wanted.owner;
        await audit({ act: 'restore', who, cnvm: name, snapshot: order.archive ?? order.directory, peer: lost, epoch });
        log.warn({ cnvm: name, peer: lost, epoch, who }, 'restored though another node has it');
      }
      cnvms.marks.set(name, 'arriving');
      await bring(ports, wanted, order, report, signal);
      log.info(
        { cnvm: name, snapshot: order.archive ?? order.directory, memory: wanted.hot, node },
        'restored from a snapshot',
      );
    } finally {
      cnvms.marks.delete(name);
      held.release();
      letGo();
    }
    ports.announce();
    return { cnvm: await cnvms.get(name), memory: wanted.hot, notes: wanted.notes };
  });
}

async function readManifest({ directory, archive }: RestoreOrder): Promise<Manifest> {
  if (!directory.startsWith('/')) throw refused('invalid', `"${directory}" is no absolute path`);
  const text = await readFile(join(directory, MANIFEST), 'utf8').catch((error: unknown) => {
    if (!hasErrno(error, 'ENOENT') && !hasErrno(error, 'ENOTDIR')) throw error;
    throw refused('not-found', `${archive ?? directory} is no snapshot: it has no ${MANIFEST}`);
  });
  return parseManifest(text);
}

async function plan(ports: Ports, manifest: Manifest, order: RestoreOrder): Promise<Restoring> {
  const { node, directory, landingZones, overlayNetwork } = ports;
  const { record: before } = manifest;
  const name = order.name ?? before.name;
  const same = name === before.name;
  const taken = new Set(directory.taken().addresses.keys());
  const address = order.address ?? (same ? before.address : nextAddress(overlayNetwork, taken));
  if (address === undefined) throw refused('state', `the overlay ${overlayNetwork} has no free address`);
  const moved = !same || address !== before.address;
  const hot = manifest.memory && !order.cold && !moved && order.start;
  const allowed = landingZoneOf(before.landing, landingZones) !== undefined;
  const landing = order.landing ?? (allowed ? before.landing : (landingZones[0] ?? ''));
  const owner = await ownerOf(ports, name);
  const { ports: published, ...rest } = before;
  const record: CnvmRecord = {
    ...rest,
    ...(same && published !== undefined ? { ports: published } : {}),
    ...{ name, address, landing, owner: node, wanted: order.start ? 'running' : 'stopped' },
    epoch: epochAfter(same ? before.epoch : 0, owner),
  };
  const notes = [
    ...(manifest.memory && !order.cold && moved
      ? ['it starts from its disk: what is in its memory goes by its old name and address']
      : []),
    ...(!same && (published?.length ?? 0) > 0 ? [`no port of ${node} leads to it: those are ${before.name}'s`] : []),
  ];
  return { manifest, record, hot, owner, notes };
}

async function ownerOf({ node, store, directory, nodes }: Ports, name: string): Promise<Owner | undefined> {
  const own = store.get(name);
  if (own !== undefined) return { node, epoch: own.epoch, state: 'alive' };
  const rival = directory.rival({ name, epoch: 0 });
  if (rival === undefined) return undefined;
  const status = (await nodes()).find((one) => one.name === rival.node);
  return { ...rival, state: status?.state };
}

/** @throws `refused` with every reason. */
async function demandPossible(ports: Ports, { manifest, record, hot, owner }: Restoring, order: RestoreOrder) {
  const { node, overlayNetwork, directory, images } = ports;
  const reasons = restoreRefusals({
    ...{ node, manifest, record, hot, force: order.force, owner, overlayNetwork, busy: undefined },
    ...{ taken: directory.taken(), target: await ports.facts(), imageHere: images.has(record.image.digest) },
    portsTaken: await ports.portsTaken(record),
  });
  if (reasons.length > 0) throw refused('state', reasons.join('; '), { reasons });
}

async function check(
  { directory, archive }: RestoreOrder,
  manifest: Manifest,
  report: OnProgress,
  signal: AbortSignal,
): Promise<void> {
  const bytesTotal = bytesOf(manifest);
  let bytesDone = 0;
  const count = (bytes: number) => {
    bytesDone += bytes;
    report({ step: 'sums', bytesDone, bytesTotal });
  };
  await checkSums({ directory, name: archive ?? directory }, manifest.files, count, signal);
}

/** Afterwards it is ours, and runs if it is to. When it throws, nothing of it is here. */
async function bring(
  ports: Ports,
  { manifest, record, hot }: Restoring,
  { directory }: RestoreOrder,
  report: OnProgress,
  signal: AbortSignal,
): Promise<void> {
  const { machine, bulk, notes, log } = ports;
  const id = randomUUID();
  const scratch = scratchOf(id);
  const told = (what: string, error: unknown) =>
    log.error({ cnvm: record.name, what, error: messageOf(error) }, 'could not be cleared away');
  const undo = createUndo(told);
  try {
    await machine.demandRoom(record);
    await notes.write({ kind: 'restoring', id, record, partial: '' });
    await machine.expect(record);
    undo.add('disk', () => machine.erase(record));
    undo.add('processes and mounts', () => machine.destroy(record));
    report({ step: 'disk', bytesDone: 0, bytesTotal: 0 });
    await machine.unpackDisk(record, join(directory, DISK), signal);
    if (record.name !== manifest.record.name || record.address !== manifest.record.address)
      await machine.rename(record);
    signal.throwIfAborted();
    undo.add('claim', () => ports.disclaim(record));
    ports.claim(record);
    if (hot) {
      undo.add('images', () => bulk.sweep(scratch));
      const imagesDir = await copyMemory(ports, manifest, directory, scratch);
      report({ step: 'memory', bytesDone: 0, bytesTotal: 0 });
      await machine.assemble(record);
      await machine.restore(record, imagesDir);
    } else if (record.wanted === 'running') await machine.boot(record);
    // A stopped one has nothing mounted.
    else await machine.destroy(record);
    await ports.keep(record);
  } catch (error) {
    // What could not be taken back is taken back by the next daemon, by its note.
    if ((await undo.run()).length === 0) await notes.remove(id).catch((reason: unknown) => told('note', reason));
    throw error;
  }
  // It is ours and runs; likewise.
  await bulk
    .sweep(scratch)
    .then(() => notes.remove(id))
    .catch((reason: unknown) => told('images', reason));
}

/** No migration's id: those are swept when nobody knows of them. */
export const scratchOf = (id: string): string => `snapshot-${id}`;

async function copyMemory({ bulk }: Ports, { files }: Manifest, directory: string, scratch: string): Promise<string> {
  const imagesDir = await bulk.openImages(scratch, IMAGES_BYTES_MAX);
  await mkdir(imagesDir, { recursive: true });
  for (const { path } of files)
    if (path.startsWith(`${MEMORY}/`)) await copyFile(join(directory, path), join(imagesDir, basename(path)));
  return imagesDir;
}
