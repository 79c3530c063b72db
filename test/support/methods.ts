/** Every method that the schemas define, by its full path, from their own descriptors: one without an entry anywhere is found. */
import { readFileSync } from 'node:fs';
import { fromBinary } from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';

const DESCRIPTORS = new URL('../../src/gen/descriptors.binpb', import.meta.url);

export function definedMethods(): string[] {
  const { file } = fromBinary(FileDescriptorSetSchema, readFileSync(DESCRIPTORS));
  return file.flatMap((one) =>
    one.service.flatMap((service) => service.method.map((method) => `/${one.package}.${service.name}/${method.name}`)),
  );
}
