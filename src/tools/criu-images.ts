/**
 * criu's images, as far as we must read them: which names it has made on the disk, and which timers would stand still. Invariant:
 * a file that is not what criu writes is a failure, since what is in it would be missing at the target.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';

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
    .flatMap((entry) => fieldsOf(entry, REGULAR))
    .flatMap((regular) => fieldsOf(regular, NAME))
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
  for (const timer of entriesOf(image).flatMap((entry) => fieldsOf(entry, TIMER))) {
    const { values, places } = numbersOf(timer);
    const periodic = (values.get(PERIOD_S) ?? 0) + (values.get(PERIOD_NS) ?? 0) > 0;
    const place = places.get(LEFT_NS);
    if (!periodic || place === undefined || values.get(LEFT_S) !== 0 || values.get(LEFT_NS) !== 0) continue;
    // One nanosecond takes no more room than none.
    timer[place] = 1;
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

/** The numbers of a message by their fields, and where each stands in it. */
function numbersOf(message: Uint8Array): { values: Map<number, number>; places: Map<number, number> } {
  const reader = new BinaryReader(message);
  const [values, places] = [new Map<number, number>(), new Map<number, number>()];
  while (reader.pos < reader.len) {
    const [field, type] = reader.tag();
    if (type === WireType.Varint) {
      places.set(field, reader.pos);
      values.set(field, Number(reader.uint64()));
    } else reader.skip(type, field);
  }
  return { values, places };
}

/** The fields of a message that have this number and hold bytes. */
function fieldsOf(message: Uint8Array, wanted: number): Uint8Array[] {
  const reader = new BinaryReader(message);
  const found: Uint8Array[] = [];
  while (reader.pos < reader.len) {
    const [field, type] = reader.tag();
    if (field === wanted) found.push(reader.bytes());
    else reader.skip(type, field);
  }
  return found;
}
