/** Whether a cnvm may come, pure: every reason for a no at once, each a sentence with both figures. */

import { wholeMibFigure } from '../base/figures.js';
import { addressRefusal } from '../cnvms/address.js';
import { landingZoneOf, nameRefusal, type Taken } from '../cnvms/check-new.js';
import type { CnvmRecord } from '../cnvms/cnvm.js';
import type { NodeFacts } from '../mesh/node-facts.js';
import type { Mode } from './migration.js';

export interface Question {
  readonly record: CnvmRecord;
  readonly mode: Mode;
  readonly postCopy: boolean;
  /** Absolute, on the target. */
  readonly landing: string;
  readonly memoryBytes: number;
  readonly diskBytes: number;
  readonly source: NodeFacts;
  readonly target: NodeFacts;
  readonly overlayNetwork: string;
  /** What the target knows to be in use. */
  readonly taken: Taken;
  /** What is being done to a cnvm of this name at the target, if anything. */
  readonly busy: string | undefined;
  readonly image: ImageAtTarget;
  /** Which of its ports are in use at the target, each a sentence. */
  readonly portsTaken: readonly string[];
}

export interface ImageAtTarget {
  readonly here: boolean;
  /** The source can give it. */
  readonly offered: boolean;
  readonly bytes: number;
  /** Why there is no room for it; undefined when there is. */
  readonly shortage: string | undefined;
}

/** Whether its image must come before it can. */
export function lacksImage({ image }: Question): boolean {
  return !image.here && image.offered;
}

/** The memory holds the images and, while they are read, what is restored from them. */
const MEMORY_COPIES = 2;
const MEMORY_SPARE_BYTES = 64 * 1024 * 1024;
const DISK_SPARE_BYTES = 16 * 1024 * 1024;

/** Every reason why not; empty means yes. */
export function refusals(question: Question): string[] {
  const { record, taken, target, source, busy } = question;
  const owner = taken.names.get(record.name);
  const holder = taken.addresses.get(record.address);
  return [
    source.protocolVersion === target.protocolVersion
      ? undefined
      : `${source.name} speaks protocol ${source.protocolVersion}, ${target.name} ${target.protocolVersion}`,
    nameRefusal(record.name),
    addressRefusal(record.address, question.overlayNetwork),
    owner === undefined || owner === source.name ? undefined : `the name ${record.name} is taken on ${owner}`,
    holder === undefined || holder.startsWith(`${record.name} `)
      ? undefined
      : `the address ${record.address} is taken by ${holder}`,
    busy === undefined ? undefined : `${record.name} is ${busy} at ${target.name}`,
    overlayRefusal(source, target),
    imageRefusal(question),
    ...question.portsTaken,
    // Whatever moves, its programs must run there.
    differ('architecture', source, target, (node) => node.architecture),
    ...diskRefusals(question),
    ...(question.mode === 'hot' ? hotRefusals(question) : []),
    ...(question.postCopy ? postCopyRefusals(question) : []),
  ].filter((reason) => reason !== undefined);
}

/** What the operator should know although it would go. */
export function warnings(question: Question): string[] {
  const { source, target, mode, record, image } = question;
  const comes = lacksImage(question)
    ? [`${target.name} lacks the image ${record.image.name}: ${wholeMibFigure(image.bytes)} come first`]
    : [];
  if (mode === 'cold' || source.kernelRelease === target.kernelRelease) return comes;
  return [
    ...comes,
    `the kernels differ: ${source.name} runs ${source.kernelRelease}, ${target.name} ${target.kernelRelease}`,
  ];
}

/** It would be reached by nobody. One that does not say is an older one, which encrypts nothing. */
function overlayRefusal(source: NodeFacts, target: NodeFacts): string | undefined {
  const words = (node: NodeFacts) => `${node.name} has overlay.encryption: ${node.overlayEncryption || 'none'}`;
  const encrypted = (node: NodeFacts) => node.overlayEncryption === 'wireguard';
  return encrypted(source) === encrypted(target)
    ? undefined
    : `nothing goes over the overlay between the two: ${words(source)}, ${words(target)}`;
}

function imageRefusal({ record, source, target, image }: Question): string | undefined {
  if (image.here) return undefined;
  if (image.offered) return image.shortage;
  return `${target.name} lacks the image ${record.image.name} (${record.image.digest}), and ${source.name} cannot give it`;
}

function diskRefusals({ landing, diskBytes, target }: Question): (string | undefined)[] {
  const zones = target.landingZones.map((zone) => zone.path);
  const zone = target.landingZones.find((candidate) => candidate.path === landingZoneOf(landing, zones));
  if (zone === undefined) return [`${landing} is not in a landing zone of ${target.name}: ${zones.join(', ')}`];
  const need = diskBytes + DISK_SPARE_BYTES;
  return [shortage(`disk in ${zone.path} on ${target.name}`, need, zone.availableBytes)];
}

function postCopyRefusals({ mode, source, target }: Question): string[] {
  const cold = mode === 'cold' ? ['a cold migration moves no memory that could follow'] : [];
  const lacking = [source, target].flatMap(({ name, postCopyObstacles }) =>
    postCopyObstacles.map((obstacle) => `no post-copy with ${name}: ${obstacle}`),
  );
  return [...cold, ...lacking];
}

/** What must be free at the target of a hot one. */
export function memoryNeed(memoryBytes: number, postCopy: boolean): number {
  return memoryBytes * (postCopy ? 1 : MEMORY_COPIES) + MEMORY_SPARE_BYTES;
}

function hotRefusals({ source, target, memoryBytes, postCopy }: Question): (string | undefined)[] {
  const missing = source.cpuFlags.filter((flag) => !target.cpuFlags.includes(flag));
  const need = memoryNeed(memoryBytes, postCopy);
  return [
    differ('criu', source, target, (node) => node.criuVersion),
    differ('runc', source, target, (node) => node.runcVersion),
    source.dumpFormat === target.dumpFormat
      ? undefined
      : `only a cold migration goes between them: cnvm ${source.version} on ${source.name} and ${target.version} on ${target.name} dump in different ways`,
    isOlder(target.kernelRelease, source.kernelRelease)
      ? `the kernel of ${target.name}, ${target.kernelRelease}, is older than that of ${source.name}, ${source.kernelRelease}`
      : undefined,
    missing.length === 0 ? undefined : `the CPU of ${target.name} lacks ${missing.join(', ')}`,
    shortage(`memory on ${target.name}`, need, target.memoryAvailableBytes),
  ];
}

function differ(
  what: string,
  source: NodeFacts,
  target: NodeFacts,
  of: (node: NodeFacts) => string,
): string | undefined {
  const [here, there] = [of(source), of(target)];
  return here === there
    ? undefined
    : `${what} differs: ${source.name} has ${here || 'none'}, ${target.name} ${there || 'none'}`;
}

function shortage(what: string, need: number, have: number): string | undefined {
  return have >= need ? undefined : `not enough ${what}: ${wholeMibFigure(need)} needed, ${wholeMibFigure(have)} free`;
}

/** By the first two numbers of the release: patch releases keep what processes see. */
function isOlder(one: string, other: string): boolean {
  const [majorA = 0, minorA = 0] = one.split('.').map((part) => Number.parseInt(part, 10));
  const [majorB = 0, minorB = 0] = other.split('.').map((part) => Number.parseInt(part, 10));
  return majorA !== majorB ? majorA < majorB : minorA < minorB;
}
