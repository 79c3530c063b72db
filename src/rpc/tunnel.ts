/** A byte stream in a bidirectional call, as a Node stream at both ends. Invariant: neither end holds more than its buffers. */
import { Duplex } from 'node:stream';
import type { ClientDuplexStream, ServerDuplexStream } from '@grpc/grpc-js';
import { refused } from '../base/errors.js';
import type { TunnelOpen, TunnelRequest, TunnelResponse } from '../gen/cnvm/peer/v1/peer.js';
import { fail } from './handle.js';

/** What waits is sent as one message: a message costs more than its bytes. */
const BUFFER_BYTES = 1024 * 1024;

/** What the two kinds of call have in common. */
interface ByteCall<Out> {
  write(message: Out, callback: (error?: Error | null) => void): boolean;
  end(): unknown;
  pause(): unknown;
  resume(): unknown;
  on(event: 'data', listener: (message: TunnelRequest | TunnelResponse) => void): unknown;
  on(event: 'end', listener: () => void): unknown;
  on(event: 'error', listener: (error: Error) => void): unknown;
}

/** The target's end: opens the call. @param explain what a broken call means to the caller. */
export function clientTunnel(
  call: ClientDuplexStream<TunnelRequest, TunnelResponse>,
  open: TunnelOpen,
  explain: (error: Error) => Error,
): Duplex {
  call.write({ message: { $case: 'open', value: open } });
  return byteStream<TunnelRequest>(
    call,
    (data) => ({ message: { $case: 'data', value: data } }),
    () => call.cancel(),
    explain,
  );
}

/** The source's end, after the first message has been read. */
export function serverTunnel(call: ServerDuplexStream<TunnelRequest, TunnelResponse>): Duplex {
  return byteStream<TunnelResponse>(
    call,
    (data) => ({ data }),
    () => fail(call, refused('cancelled', 'the stream was cut')),
    (error) => error,
  );
}

function byteStream<Out>(
  call: ByteCall<Out>,
  wrap: (data: Uint8Array) => Out,
  cancel: () => void,
  explain: (error: Error) => Error,
): Duplex {
  let over = false;
  const send = (data: Uint8Array, done: (error: Error | null) => void) =>
    void call.write(wrap(data), (error) => done(error ?? null));
  const stream = new Duplex({
    highWaterMark: BUFFER_BYTES,
    read: () => void call.resume(),
    write: (chunk: Uint8Array, _, callback) => send(chunk, callback),
    writev: (waiting, callback) => send(Buffer.concat(waiting.map(({ chunk }) => chunk as Uint8Array)), callback),
    final: (callback) => {
      call.end();
      callback();
    },
    destroy: (error, callback) => {
      if (!over) cancel();
      callback(error);
    },
  });
  // Of one whose reader has gone nobody wants to know.
  stream.on('error', () => undefined);
  call.on('data', (message) => {
    const data = bytesOf(message);
    if (data !== undefined && !stream.push(data)) call.pause();
  });
  call.on('end', () => {
    over = true;
    stream.push(null);
  });
  call.on('error', (error) => {
    over = true;
    stream.destroy(explain(error));
  });
  return stream;
}

function bytesOf(message: TunnelRequest | TunnelResponse): Uint8Array | undefined {
  if ('data' in message) return message.data;
  return message.message?.$case === 'data' ? message.message.value : undefined;
}
