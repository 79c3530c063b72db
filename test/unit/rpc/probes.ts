/** A peer that answers probes, and nothing else. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Server, ServerCredentials, type ServerUnaryCall, type StatusObject, type sendUnaryData } from '@grpc/grpc-js';
import * as wire from '../../../src/gen/cnvm/peer/v1/peer.js';
import type { TlsFiles } from '../../../src/pki/identity.js';
import { initPki, issueNode } from '../../../src/pki/pki-dir.js';

/** The certificates of node2. */
export async function issue(directory: string): Promise<TlsFiles> {
  await initPki(directory, { force: false });
  await issueNode(directory, 'node2', { force: false });
  const file = (...path: string[]) => join(directory, ...path);
  return { ca: file('ca.crt'), cert: file('nodes', 'node2.crt'), key: file('nodes', 'node2.key') };
}

/** Answers every probe. @param fault what it answers with, if not well. */
export async function serveProbes(
  tls: TlsFiles,
  fault: () => Partial<StatusObject> | null = () => null,
): Promise<{ server: Server; port: number }> {
  const server = new Server();
  const probe = (_: ServerUnaryCall<wire.ProbeRequest, wire.ProbeResponse>, done: sendUnaryData<wire.ProbeResponse>) =>
    done(fault(), {});
  server.addService({ probe: wire.BulkServiceService.probe }, { probe });
  const pair = { private_key: readFileSync(tls.key), cert_chain: readFileSync(tls.cert) };
  const credentials = ServerCredentials.createSsl(readFileSync(tls.ca), [pair], true);
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', credentials, (error, bound) => (error === null ? resolve(bound) : reject(error)));
  });
  return { server, port };
}
