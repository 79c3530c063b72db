/** Whether a snapshot can be taken, or a cnvm made of one, pure: every reason for a no at once, each a sentence. */

import { wholeMibFigure } from '../base/figures.js';
import type { Taken } from '../cnvms/check-new.js';
import type { CnvmRecord } from '../cnvms/cnvm.js';
import type { NodeFacts, NodeStatus } from '../mesh/node-facts.js';
import { type ImageAtTarget, refusals } from '../migration/negotiate.js';
import type { Manifest } from './manifest.js';

const SPARE_BYTES = 16 * 1024 * 1024;

export interface Place {
  readonly directory: string;
  readonly exists: boolean;
  /** The directory that it is to lie in is there. */
  readonly parentExists: boolean;
  readonly availableBytes: number;
}

export function placeRefusals(place: Place, needBytes: number): string[] {
  const { directory, exists, parentExists, availableBytes } = place;
  if (!directory.startsWith('/')) return [`"${directory}" is no absolute path`];
  if (exists) return [`${directory} exists`];
  if (!parentExists) return [`${directory} cannot be made: the directory above it is not there`];
  return [shortage(directory, needBytes, availableBytes)].filter((reason) => reason !== undefined);
}

/** Why so much does not fit there; undefined when it does. */
export function shortage(place: string, needBytes: number, availableBytes: number): string | undefined {
  const need = needBytes + SPARE_BYTES;
  if (availableBytes >= need) return undefined;
  return `not enough room for ${place}: ${wholeMibFigure(need)} needed, ${wholeMibFigure(availableBytes)} free`;
}

/** What is known in the mesh of a name. */
export interface Owner {
  readonly node: string;
  readonly epoch: number;
  /** Undefined when it was never met. */
  readonly state: NodeStatus['state'];
}

export interface RestoreQuestion {
  readonly node: string;
  readonly manifest: Manifest;
  /** As it would be here. */
  readonly record: CnvmRecord;
  readonly hot: boolean;
  readonly force: boolean;
  /** Who has one of this name; this node too. */
  readonly owner: Owner | undefined;
  readonly target: NodeFacts;
  readonly overlayNetwork: string;
  readonly taken: Taken;
  readonly busy: string | undefined;
  readonly imageHere: boolean;
  readonly portsTaken: readonly string[];
}

/** Empty: it can be restored. */
export function restoreRefusals(question: RestoreQuestion): string[] {
  const { manifest, record, hot, target, taken } = question;
  const disk = manifest.files.find(({ path }) => path === 'disk.tar')?.bytes ?? 0;
  // The node that it was taken on is asked nothing: what it was then is what counts, and only for the memory.
  const source: NodeFacts = { ...target, ...manifest.node };
  const image: ImageAtTarget = { here: true, offered: false, bytes: 0, shortage: undefined };
  const others = new Map([...taken.names].filter(([name]) => name !== record.name));
  const rest = refusals({
    ...{ record, mode: hot ? 'hot' : 'cold', postCopy: false, landing: record.landing, source, target, image },
    ...{ memoryBytes: manifest.memoryBytes, diskBytes: disk, overlayNetwork: question.overlayNetwork },
    ...{ taken: { names: others, addresses: taken.addresses }, busy: question.busy, portsTaken: question.portsTaken },
  });
  return [...ownerRefusals(question), ...imageRefusals(question), ...rest];
}

function ownerRefusals({ owner, node, record, force }: RestoreQuestion): string[] {
  if (owner === undefined || owner.state === 'left') return [];
  const { name } = record;
  if (owner.node === node) return [`there is a cnvm ${name} on ${node}: remove it first, or restore by another --name`];
  if (owner.state !== 'dead')
    return [`${owner.node} has the cnvm ${name}: remove it there first, or restore by another --name`];
  if (force) return [];
  return [
    `${owner.node} has the cnvm ${name}, and is held for dead: with --force it is restored here, and the copy there is stopped when that node comes back`,
  ];
}

function imageRefusals({ imageHere, record, node }: RestoreQuestion): string[] {
  const { name, digest } = record.image;
  return imageHere
    ? []
    : [`the image ${name} (${digest}) is not on ${node}: bring it with "cnvm image pull" or "cnvm image distribute"`];
}

/** An epoch that wins over all that is known: a copy that comes back later yields. */
export function epochAfter(before: number, owner: Pick<Owner, 'epoch'> | undefined): number {
  return Math.max(before, owner?.epoch ?? 0) + 1;
}
