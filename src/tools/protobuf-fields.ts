/** Messages of which a few fields are wanted and no description is at hand: criu's images and statistics. */
import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';

export interface Field {
  readonly number: number;
  /** A number, or a message, text or bytes within it; those share their memory with the message. */
  readonly value: bigint | Uint8Array;
  /** Where the value begins in the message; of bytes, their length. */
  readonly at: number;
}

/** A message's fields of these two kinds, in order. @throws when it is none. */
export function fieldsOf(message: Uint8Array): Field[] {
  const reader = new BinaryReader(message);
  const fields: Field[] = [];
  while (reader.pos < reader.len) {
    const [number, type] = reader.tag();
    const at = reader.pos;
    if (type === WireType.Varint) fields.push({ number, value: BigInt(reader.uint64()), at });
    else if (type === WireType.LengthDelimited) fields.push({ number, value: reader.bytes(), at });
    else reader.skip(type, number);
  }
  return fields;
}
