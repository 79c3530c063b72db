/**
 * A byte stream in a bidirectional call, as a Node stream at both ends. Invariant: neither end holds more than its
 * buffers, and a direction ends well only when every byte of it has come as it was sent.
 *
 * What one tunnel holds at the most, however slow the link or its reader: at the sending end 1 MiB here and 16 messages of
 * 64 KiB in grpc-js; at the receiving end 1 MiB here, 32 MiB of the connection's window, which all of a connection's
 * tunnels share, and 16 messages. HTTP/2 and TLS hold as much again of what is just being encrypted or decrypted.
 */
import { performance } from 'node:perf_hooks';
import { Duplex } from 'node:stream';
import type { ClientDuplexStream, ServerDuplexStream } from '@grpc/grpc-js';
import { messageOf, refused } from '../base/errors.js';
import type { StreamEnd, TunnelOpen, TunnelRequest, TunnelResponse } from '../gen/cnvm/peer/v1/peer.js';
import { fail } from './handle.js';
import { type Packing, unpack } from './packing.js';
import { createSum, faultIn, newSumKey, type Sum } from './sum.js';

/** Of each direction at each end. */
const BUFFER_BYTES = 1024 * 1024;
/** What pipes and sockets give at once; larger ones cost new memory at every layer below. */
const MESSAGE_BYTES = 64 * 1024;

/** What the two kinds of call have in common. */
interface ByteCall<Out> {
  write(message: Out): boolean;
  end(): unknown;
  pause(): unknown;
  resume(): unknown;
  on(event: 'data', listener: (message: TunnelRequest | TunnelResponse) => void): unknown;
  on(event: 'end', listener: () => void): unknown;
  on(event: 'error', listener: (error: Error) => void): unknown;
  once(event: 'drain', listener: () => void): unknown;
}

/** How one end differs from the other. */
interface End<Out> {
  readonly wrap: (data: Uint8Array) => Out;
  /** Told how long the link kept us waiting. */
  readonly waited: (ms: number) => void;
  readonly wrapEnd: (end: StreamEnd) => Out;
  readonly sent: Sum;
  readonly came: Sum;
  /** Whether there is nothing left to break. */
  readonly isDone: (is: Readonly<Record<'cameWhole' | 'sentWhole', boolean>>) => boolean;
  /** Breaks the call, for this reason. */
  readonly cancel: (why: Error | null) => void;
  /** What a broken call means to who uses the stream. */
  readonly explain: (error: Error) => Error;
}

const NOTHING = new Uint8Array();

/** The target's end: opens the call. @param explain what a broken call means to the caller. */
export function clientTunnel(
  call: ClientDuplexStream<TunnelRequest, TunnelResponse>,
  open: Omit<TunnelOpen, 'sumKey'>,
  explain: (error: Error) => Error,
): Duplex {
  const sumKey = newSumKey();
  call.write({ message: { $case: 'open', value: { ...open, sumKey } } });
  return byteStream<TunnelRequest>(call, {
    wrap: (value) => ({ message: { $case: 'data', value } }),
    waited: () => undefined,
    wrapEnd: (value) => ({ message: { $case: 'end', value } }),
    sent: createSum(sumKey, 'requests'),
    came: createSum(sumKey, 'answers'),
    isDone: ({ cameWhole, sentWhole }) => cameWhole && sentWhole,
    cancel: () => call.cancel(),
    explain,
  });
}

/** The source's end, after the first message has been read. @throws `refused` when the other end has sent no key. */
export function serverTunnel(
  call: ServerDuplexStream<TunnelRequest, TunnelResponse>,
  { sumKey }: TunnelOpen,
  packing: Packing,
): Duplex {
  return byteStream<TunnelResponse>(call, {
    wrap: packing.pack,
    waited: packing.waited,
    wrapEnd: (end) => ({ data: NOTHING, end, zstd: NOTHING }),
    sent: createSum(sumKey, 'answers'),
    came: createSum(sumKey, 'requests'),
    // Its end is that of the call: what the other end may still say nobody waits for, and it has been told that all is well.
    isDone: ({ sentWhole }) => sentWhole,
    cancel: (why) => fail(call, refused('cancelled', why === null ? 'the stream was cut' : messageOf(why))),
    explain: (error) => error,
  });
}

function byteStream<Out>(call: ByteCall<Out>, end: End<Out>): Duplex {
  const is = { cameWhole: false, sentWhole: false, over: false };
  function send(pieces: readonly Uint8Array[], done: () => void): void {
    let more = true;
    for (const piece of messagesOf(pieces)) {
      end.sent.add(piece);
      more = call.write(end.wrap(piece));
    }
    if (more) {
      done();
      return;
    }
    const from = performance.now();
    call.once('drain', () => {
      end.waited(performance.now() - from);
      done();
    });
  }
  const stream = new Duplex({
    highWaterMark: BUFFER_BYTES,
    read: () => void call.resume(),
    write: (chunk: Uint8Array, _, callback) => send([chunk], callback),
    writev: (waiting, callback) =>
      send(
        waiting.map(({ chunk }) => chunk as Uint8Array),
        callback,
      ),
    final: (callback) => {
      is.sentWhole = true;
      call.write(end.wrapEnd(end.sent.end()));
      call.end();
      callback();
    },
    destroy: (error, callback) => {
      if (!is.over && !end.isDone(is)) end.cancel(error);
      callback(error);
    },
  });
  // Of one whose reader has gone nobody wants to know.
  stream.on('error', () => undefined);
  receive(call, stream, end, is);
  return stream;
}

/** Gives the stream what comes, and its end when all of it has come. */
function receive<Out>(
  call: ByteCall<Out>,
  stream: Duplex,
  { came, explain }: End<Out>,
  is: { cameWhole: boolean; over: boolean },
): void {
  call.on('data', (message) => {
    const parts = partsOf(message);
    if (parts instanceof Error) {
      stream.destroy(parts);
      return;
    }
    const { data, end } = parts;
    if (is.cameWhole && (data.length > 0 || end !== undefined)) {
      stream.destroy(refused('invalid', 'the stream went on after its end'));
      return;
    }
    if (data.length > 0) {
      came.add(data);
      if (!stream.push(data)) call.pause();
    }
    if (end === undefined) return;
    const fault = faultIn(came, end, 'the stream');
    is.cameWhole = fault === undefined;
    if (fault === undefined) stream.push(null);
    else stream.destroy(fault);
  });
  call.on('end', () => {
    is.over = true;
    if (!is.cameWhole) stream.destroy(faultIn(came, undefined, 'the stream'));
  });
  call.on('error', (error) => {
    is.over = true;
    stream.destroy(explain(error));
  });
}

function partsOf(message: TunnelRequest | TunnelResponse): { data: Uint8Array; end: StreamEnd | undefined } | Error {
  if ('data' in message) {
    if (message.zstd.length === 0) return message;
    try {
      return { data: unpack(message.zstd), end: message.end };
    } catch (error) {
      return error as Error;
    }
  }
  return {
    data: message.message?.$case === 'data' ? message.message.value : NOTHING,
    end: message.message?.$case === 'end' ? message.message.value : undefined,
  };
}

/** Cuts what is too large, joins what is small: a message costs more than its bytes. */
function* messagesOf(pieces: readonly Uint8Array[]): Generator<Uint8Array> {
  let small: Uint8Array[] = [];
  let bytes = 0;
  for (const piece of pieces) {
    if (bytes + piece.length > MESSAGE_BYTES && bytes > 0) {
      yield joined(small);
      small = [];
      bytes = 0;
    }
    let at = 0;
    for (; piece.length - at > MESSAGE_BYTES; at += MESSAGE_BYTES) yield piece.subarray(at, at + MESSAGE_BYTES);
    small.push(piece.subarray(at));
    bytes += piece.length - at;
  }
  if (bytes > 0) yield joined(small);
}

function joined(pieces: readonly Uint8Array[]): Uint8Array {
  const [first] = pieces;
  return pieces.length === 1 && first !== undefined ? first : Buffer.concat(pieces);
}
