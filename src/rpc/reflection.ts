/** The standard server reflection service, v1 and its older name, so that grpcurl and buf curl need no files of ours. */
import { readFileSync } from 'node:fs';
import { type ServiceDefinition, status } from '@grpc/grpc-js';
import {
  type ServerReflectionRequest,
  type ServerReflectionResponse,
  type ServerReflectionServer,
  ServerReflectionService,
} from '../gen/grpc/reflection/v1/reflection.js';
import { type Descriptors, readDescriptors } from './descriptors.js';
import { bidi, type Handling, received } from './handle.js';

/** Made by `buf build` beside the generated code. */
const DESCRIPTORS = new URL('../gen/descriptors.binpb', import.meta.url);

/** grpcurl before 1.8.8 and others ask for this one alone. */
export const OLDER_REFLECTION: ServiceDefinition = {
  serverReflectionInfo: {
    ...ServerReflectionService.serverReflectionInfo,
    path: '/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo',
  },
};

/** @param services the full names of what the server serves. */
export function reflectionCalls(handling: Handling, services: readonly string[]): ServerReflectionServer {
  const descriptors = readDescriptors(readFileSync(DESCRIPTORS));
  return {
    serverReflectionInfo: bidi<ServerReflectionRequest, ServerReflectionResponse>(handling, async (call, send) => {
      for await (const request of received(call)) await send(answer(request, descriptors, services));
    }),
  };
}

function answer(
  request: ServerReflectionRequest,
  descriptors: Descriptors,
  services: readonly string[],
): ServerReflectionResponse {
  return { validHost: request.host, originalRequest: request, messageResponse: bodyOf(request, descriptors, services) };
}

function bodyOf(
  { messageRequest: asked }: ServerReflectionRequest,
  descriptors: Descriptors,
  services: readonly string[],
): NonNullable<ServerReflectionResponse['messageResponse']> {
  switch (asked?.$case) {
    case 'listServices':
      return { $case: 'listServicesResponse', value: { service: services.map((name) => ({ name })) } };
    case 'fileByFilename':
      return filesOr(descriptors.byName(asked.value), asked.value);
    case 'fileContainingSymbol':
      return filesOr(descriptors.bySymbol(asked.value), asked.value);
    case 'allExtensionNumbersOfType':
      return { $case: 'allExtensionNumbersResponse', value: { baseTypeName: asked.value, extensionNumber: [] } };
    default:
      return { $case: 'errorResponse', value: { errorCode: status.UNIMPLEMENTED, errorMessage: 'not supported' } };
  }
}

function filesOr(
  files: Uint8Array[] | undefined,
  what: string,
): NonNullable<ServerReflectionResponse['messageResponse']> {
  if (files !== undefined) return { $case: 'fileDescriptorResponse', value: { fileDescriptorProto: files } };
  return { $case: 'errorResponse', value: { errorCode: status.NOT_FOUND, errorMessage: `there is no ${what}` } };
}
