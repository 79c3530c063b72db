/**
 * criu's images, as far as we must read them: which names it has made on the disk, and which timers would stand still. Invariant:
 * a file that is not what criu writes is a failure, since what is in it would be missing at the target.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fieldsOf } from './protobuf-fields.js';

/** Two magic numbers; each entry comes after its length (criu's images/magic.h and protobuf.c). */
const HEADER_BYTES = 8;
const LENGTH_BYTES = 4;
/** Field numbers of criu's `file_entry` and `reg_file_entry`. */
const REGULAR = 3;
const NAME = 6;
/** And of `timerfd_entry`: what is left of a timer, and its period, in seconds and nanoseconds. */
const TIMER = 12;
const [LEFT_S, LEFT_NS, PERIOD_S, PERIOD_NS] = [7, 8, 9, 10] as const;
/** What criu calls a name that it gives to an open file which has lost the one that it was opened by (criu/files-reg.c). */
const MADE_BY_CRIU = /(^|\/)link_remap\.\d+$/;
/** There is one when something had lost its name. */
const REMAPS = 'remap-fpath.img';
const FILES = 'files.img';

/** The names that criu has made while it dumped, as paths inside. They are there until its restore, or its rollback. */
export function namesMadeByCriu(imagesDir: string): string[] {
  if (!existsSync(join(imagesDir, REMAPS))) return [];
  return regularNames(readFileSync(join(imagesDir, FILES))).filter((name) => MADE_BY_CRIU.test(name));
}

/** The paths of all open plain files in criu's `files.img`. @throws when it is cut off. */
export function regularNames(image: Uint8Array): string[] {
  return entriesOf(image)
    .flatMap((entry) => within(entry, REGULAR))
    .flatMap((regular) => within(regular, NAME))
    .map((name) => Buffer.from(name).toString());
}

/**
 * A timer of a timerfd that goes off again and again, and had just done so without being read, has nothing left until it is: the
 * kernel starts it anew then. criu notes that as a timer that is switched off, and it would never go off again. Afterwards the
 * image says that it is about to.
 */
export function rearmTimers(imagesDir: string): void {
  const path = join(imagesDir, FILES);
  const image = readFileSync(path);
  if (rearmIn(image)) writeFileSync(path, image);
}

/** Changes the image in place. @returns whether there was such a timer. */
export function rearmIn(image: Uint8Array): boolean {
  let changed = false;
  for (const timer of entriesOf(image).flatMap((entry) => within(entry, TIMER))) {
    const numbers = new Map(fieldsOf(timer).map((field) => [field.number, field]));
    const isZero = (field: number) => (numbers.get(field)?.value ?? 0n) === 0n;
    const left = numbers.get(LEFT_NS);
    if (left === undefined || !isZero(LEFT_S) || !isZero(LEFT_NS)) continue;
    if (isZero(PERIOD_S) && isZero(PERIOD_NS)) continue;
    // One nanosecond takes no more room than none.
    timer[left.at] = 1;
    changed = true;
  }
  return changed;
}

function entriesOf(image: Uint8Array): Uint8Array[] {
  const view = new DataView(image.buffer, image.byteOffset, image.byteLength);
  const entries: Uint8Array[] = [];
  for (let at = HEADER_BYTES; at < image.length; ) {
    const length = view.getUint32(at, true);
    const entry = image.subarray(at + LENGTH_BYTES, at + LENGTH_BYTES + length);
    if (entry.length < length) throw new Error('an image of criu is cut off');
    entries.push(entry);
    at += LENGTH_BYTES + length;
  }
  return entries;
}

/** The messages, and texts, in a message that have this number. */
const within = (message: Uint8Array, wanted: number): Uint8Array[] =>
  fieldsOf(message).flatMap(({ number, value }) => (number === wanted && value instanceof Uint8Array ? [value] : []));
