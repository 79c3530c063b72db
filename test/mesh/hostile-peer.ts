/**
 * A node's certificate in the hands of somebody who sends anything at all. Invariant: what comes back is judged by what
 * is promised to every caller: an answer in time, or an error of ours that says what is wrong.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { Client, credentials, Metadata, type ServiceError, status } from '@grpc/grpc-js';
import type { MeshNode } from './mesh-of-daemons.js';

/** Every call is answered in this time: what waits for a next step ends when the migration is called off. */
const ANSWER_MS = 20_000;
const MESSAGE_BYTES_MAX = 64 * 1024 * 1024;
const asIs = (bytes: Buffer): Buffer => bytes;

export type HostilePeer = ReturnType<typeof openHostilePeer>;

/** @param as whose certificate. @param to who is called. */
export function openHostilePeer(as: MeshNode, to: MeshNode) {
  const { tls } = as;
  const secure = credentials.createSsl(readFileSync(tls.ca), readFileSync(tls.key), readFileSync(tls.cert));
  const client = new Client(to.endpoint(), secure, {
    'grpc.ssl_target_name_override': to.name,
    'grpc.max_send_message_length': MESSAGE_BYTES_MAX,
    'grpc.enable_retries': 0,
  });
  const limits = () => ({ deadline: Date.now() + ANSWER_MS });

  return {
    /** @returns the answer's bytes, or undefined when it was refused as it should be. */
    async call(path: string, request: Uint8Array): Promise<Buffer | undefined> {
      return await new Promise((resolve, reject) => {
        client.makeUnaryRequest(path, asIs, asIs, Buffer.from(request), new Metadata(), limits(), (error, answer) => {
          if (error === null) resolve(answer);
          else judge(path, error, () => resolve(undefined), reject);
        });
      });
    },
    /** Sends the messages, reads whatever comes, and waits for the end. @returns whether it ended well. */
    async stream(path: string, requests: readonly Uint8Array[]): Promise<boolean> {
      const call = client.makeBidiStreamRequest(path, asIs, asIs, new Metadata(), limits());
      return await new Promise((resolve, reject) => {
        call.on('data', () => undefined);
        call.on('end', () => resolve(true));
        call.on('error', (error: ServiceError) => judge(path, error, () => resolve(false), reject));
        for (const request of requests) call.write(Buffer.from(request));
        call.end();
      });
    },
    close: () => client.close(),
  };
}

function judge(path: string, error: ServiceError, well: () => void, badly: (error: Error) => void): void {
  try {
    const ours = error.metadata.get('cnvm-error-bin').length > 0;
    // What is no message, no method or far too large the protocol itself refuses.
    const grpc =
      [status.UNIMPLEMENTED, status.RESOURCE_EXHAUSTED].includes(error.code) ||
      (error.code === status.INTERNAL && /deserializ|malformed|decompress/i.test(error.details));
    assert.ok(ours || grpc, `${path} ended with ${status[error.code]}: ${error.details}`);
    assert.ok(error.details.length > 0, `${path} ended with ${status[error.code]} and without a word`);
    well();
  } catch (wrong) {
    badly(wrong as Error);
  }
}
