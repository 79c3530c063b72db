/**
 * Finds what an earlier daemon or a failed migration has left on the node, and removes what belongs to nobody. Invariant:
 * only what `residueOf` names is removed, each thing while nobody else is at it; what cannot be removed is logged and left.
 */
import { existsSync, readdirSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { messageOf } from '../base/errors.js';
import { releaseHold } from '../cnvms/hold.js';
import { findCgroups, removeCgroup } from '../tools/cgroup-tree.js';
import { deleteLink, vethNames } from '../tools/ip.js';
import { mountedPaths, unmount } from '../tools/mount.js';
import { nft, setElements } from '../tools/nft.js';
import { createRunc } from '../tools/runc.js';
import { endWatch } from './disk-watch.js';
import {
  DIRECTORY_KINDS,
  type DirectoryKind,
  type Found,
  isStillSpare,
  type Known,
  type Removal,
  residueOf,
} from './residue.js';

export interface SweepPorts {
  /** What is spoken for now. */
  readonly known: () => Known;
  /** Keeps everybody else from a cnvm's name. @returns what lets it go; undefined when somebody is at it. */
  readonly take: (name: string) => (() => void) | undefined;
  readonly log: Logger;
}

export interface SweepOptions {
  readonly stateDir: string;
  readonly runDir: string;
  readonly cgroupParent: string;
  readonly network: string;
}

/** Removes what belongs to nobody. Never throws. */
export type Sweep = (ports: SweepPorts) => Promise<void>;

export function createSweep({ stateDir, runDir, cgroupParent, network }: SweepOptions): Sweep {
  const runc = createRunc(runDir);
  const parents: Readonly<Record<DirectoryKind, string>> = {
    migrations: join(runDir, 'migrations'),
    lower: join(runDir, 'lower'),
    volatile: join(runDir, 'volatile'),
    hold: join(runDir, 'hold'),
    criu: join(runDir, 'criu'),
    bundles: join(stateDir, 'bundles'),
    records: join(stateDir, 'cnvms'),
  };

  async function statusOf(name: string): Promise<'running' | 'stopped'> {
    // What it cannot read it cannot judge.
    const state = await runc.state(name).catch(() => ({ status: 'running' }));
    return state === undefined || state.status === 'stopped' ? 'stopped' : 'running';
  }

  async function look(): Promise<Found> {
    const containers = directoriesIn(join(runDir, 'runc')).map(async (name) => ({
      name,
      status: await statusOf(name),
    }));
    return {
      directories: DIRECTORY_KINDS.flatMap((kind) =>
        directoriesIn(parents[kind])
          .filter((name) => kind !== 'records' || !existsSync(join(parents.records, name, 'record.json')))
          .map((name) => ({ kind, name })),
      ),
      containers: await Promise.all(containers),
      cgroups: findCgroups(cgroupParent),
      links: await vethNames(),
      closed: await setElements('inet', 'cnvm', 'closed'),
    };
  }

  async function remove({ kind, name }: Removal): Promise<void> {
    switch (kind) {
      case 'container':
        await runc.delete(name, false);
        return await rm(join(runDir, 'runc', name), { recursive: true, force: true });
      case 'cgroup':
        return await removeCgroup(cgroupParent, name);
      case 'link':
        return await deleteLink(name);
      case 'filter':
        return await nft(`delete element inet cnvm closed { ${name} }\n`);
      case 'migrations':
        await endWatch(join(parents.migrations, name));
        return await removeTree(join(parents.migrations, name));
      case 'hold':
        return await releaseHold(join(parents.hold, name));
      default:
        return await removeTree(join(parents[kind], name));
    }
  }

  return async (ports) => {
    try {
      // In this order: what is made meanwhile is known before it is there.
      const found = await look();
      const { removals, strangers } = residueOf(found, ports.known(), network);
      for (const name of strangers)
        ports.log.error({ cnvm: name }, 'it runs, and neither a record nor a migration says whose it is');
      for (const removal of removals) await removeOne(removal, remove, ports);
    } catch (error) {
      ports.log.error({ error: messageOf(error) }, 'what is left over could not be looked for');
    }
  };
}

/** Never throws. */
async function removeOne(
  removal: Removal,
  remove: (removal: Removal) => Promise<void>,
  ports: SweepPorts,
): Promise<void> {
  const { kind, name } = removal;
  const letGo = ports.take(name);
  if (letGo === undefined) return;
  try {
    if (!isStillSpare(removal, ports.known())) return;
    await remove(removal);
    ports.log.warn({ kind, name }, 'left over, and removed');
  } catch (error) {
    ports.log.error({ kind, name, error: messageOf(error) }, 'left over, and could not be removed');
  } finally {
    letGo();
  }
}

/** Names of directories; a link or a file of that name is nobody of ours. */
function directoriesIn(parent: string): string[] {
  if (!existsSync(parent)) return [];
  return readdirSync(parent, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name);
}

/** Removes a directory of ours and unmounts what is mounted in it. @throws when a mount stays: what it shows is not ours. */
async function removeTree(path: string): Promise<void> {
  const inside = () => mountedPaths().filter((mount) => mount === path || mount.startsWith(`${path}/`));
  for (const mount of inside().reverse()) await unmount(mount);
  if (inside().length > 0) throw new Error(`${inside().join(', ')} is still mounted`);
  await rm(path, { recursive: true, force: true });
}
