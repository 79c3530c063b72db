/** What the schemas in `proto/` say of themselves, pure: files by name and by symbol, services by name. */
import { fromBinary, toBinary } from '@bufbuild/protobuf';
import {
  type DescriptorProto,
  type FileDescriptorProto,
  FileDescriptorProtoSchema,
  FileDescriptorSetSchema,
} from '@bufbuild/protobuf/wkt';

export interface Descriptors {
  /** The encoded file of this name and all that it imports, or undefined. */
  byName(name: string): Uint8Array[] | undefined;
  /** The same for the file that defines a service, method, message or enum. */
  bySymbol(symbol: string): Uint8Array[] | undefined;
}

/** @param bytes a `FileDescriptorSet` as `buf build` makes it, or several one after the other: that is one, too. */
export function readDescriptors(bytes: Uint8Array): Descriptors {
  const { file } = fromBinary(FileDescriptorSetSchema, bytes);
  // Bytes alone are kept: as objects they are ten times as large.
  const files = new Map(
    file.map((one) => [one.name, { bytes: toBinary(FileDescriptorProtoSchema, one), imports: one.dependency }]),
  );
  const symbols = new Map(file.flatMap((one) => symbolsOf(one).map((symbol) => [symbol, one.name] as const)));

  function withImports(name: string, seen: Set<string>): Uint8Array[] {
    const one = files.get(name);
    if (one === undefined || seen.has(name)) return [];
    seen.add(name);
    return [one.bytes, ...one.imports.flatMap((other) => withImports(other, seen))];
  }

  const byName = (name: string) => (files.has(name) ? withImports(name, new Set()) : undefined);
  return {
    byName,
    bySymbol(symbol) {
      const name = symbols.get(symbol);
      return name === undefined ? undefined : byName(name);
    },
  };
}

function symbolsOf(file: FileDescriptorProto): string[] {
  const services = file.service.flatMap((service) => [
    `${file.package}.${service.name}`,
    ...service.method.map((method) => `${file.package}.${service.name}.${method.name}`),
  ]);
  const enums = file.enumType.map((one) => `${file.package}.${one.name}`);
  return [...services, ...enums, ...file.messageType.flatMap((message) => messageSymbols(file.package, message))];
}

function messageSymbols(scope: string, message: DescriptorProto): string[] {
  const name = `${scope}.${message.name}`;
  return [
    name,
    ...message.enumType.map((one) => `${name}.${one.name}`),
    ...message.nestedType.flatMap((one) => messageSymbols(name, one)),
  ];
}
