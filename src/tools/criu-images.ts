/**
 * criu's images, as far as we must read them: which names it has made on the disk. Invariant: a file that is not what criu writes
 * is a failure, since what is in it would be missing at the target.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { BinaryReader } from '@bufbuild/protobuf/wire';

/** Two magic numbers; each entry comes after its length (criu's images/magic.h and protobuf.c). */
const HEADER_BYTES = 8;
const LENGTH_BYTES = 4;
/** Field numbers of criu's `file_entry` and `reg_file_entry`. */
const REGULAR = 3;
const NAME = 6;
/** What criu calls a name that it gives to an open file which has lost the one that it was opened by (criu/files-reg.c). */
const MADE_BY_CRIU = /(^|\/)link_remap\.\d+$/;
/** There is one when something had lost its name. */
const REMAPS = 'remap-fpath.img';

/** The names that criu has made while it dumped, as paths inside. They are there until its restore, or its rollback. */
export function namesMadeByCriu(imagesDir: string): string[] {
  if (!existsSync(join(imagesDir, REMAPS))) return [];
  return regularNames(readFileSync(join(imagesDir, 'files.img'))).filter((name) => MADE_BY_CRIU.test(name));
}

/** The paths of all open plain files in criu's `files.img`. @throws when it is cut off. */
export function regularNames(image: Uint8Array): string[] {
  const view = new DataView(image.buffer, image.byteOffset, image.byteLength);
  const names: string[] = [];
  for (let at = HEADER_BYTES; at < image.length; ) {
    const length = view.getUint32(at, true);
    const entry = image.subarray(at + LENGTH_BYTES, at + LENGTH_BYTES + length);
    if (entry.length < length) throw new Error('an image of criu is cut off');
    for (const regular of fieldsOf(entry, REGULAR)) {
      for (const name of fieldsOf(regular, NAME)) names.push(Buffer.from(name).toString());
    }
    at += LENGTH_BYTES + length;
  }
  return names;
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
