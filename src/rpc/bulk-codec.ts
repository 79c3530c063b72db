/**
 * The bulk's messages as bytes: the same as the generated code's, which copies each byte several times. Invariant: what is
 * not a plain piece of data is left to the generated code.
 */
import { BulkServiceService, TunnelRequest, TunnelResponse } from '../gen/cnvm/peer/v1/peer.js';

/** Field number and "bytes"; within a message of data nothing else is there. */
const RESPONSE_DATA = (1 << 3) | 2;
const REQUEST_DATA = (2 << 3) | 2;
/** The tag, and a length of up to 32 bits in sevens. */
const HEAD_BYTES_MAX = 6;
/**
 * What a server's serializer returns is copied at once, and memory that is used again is many times cheaper than new
 * memory. A client's is kept for a while, so requests have memory of their own.
 */
const SCRATCH_BYTES = 512 * 1024;
const scratch = Buffer.allocUnsafeSlow(SCRATCH_BYTES);

const NOTHING = new Uint8Array();

/** The definition to serve and to call with. */
export const bulkService = {
  ...BulkServiceService,
  tunnel: {
    ...BulkServiceService.tunnel,
    requestSerialize: encodeRequest,
    requestDeserialize: decodeRequest,
    responseSerialize: encodeResponse,
    responseDeserialize: decodeResponse,
  },
};

/** Valid until the next message is encoded. */
export function encodeResponse(message: TunnelResponse): Buffer {
  if (message.end === undefined && message.zstd.length === 0) return encodeData(RESPONSE_DATA, message.data, scratch);
  return Buffer.from(TunnelResponse.encode(message).finish());
}

/** Its data is a view of `bytes`. */
export function decodeResponse(bytes: Buffer): TunnelResponse {
  const data = decodeData(RESPONSE_DATA, bytes);
  return data === undefined ? TunnelResponse.decode(bytes) : { data, end: undefined, zstd: NOTHING };
}

export function encodeRequest(request: TunnelRequest): Buffer {
  if (request.message?.$case === 'data') return encodeData(REQUEST_DATA, request.message.value);
  return Buffer.from(TunnelRequest.encode(request).finish());
}

/** Its data is a view of `bytes`. */
export function decodeRequest(bytes: Buffer): TunnelRequest {
  const value = decodeData(REQUEST_DATA, bytes);
  return value === undefined ? TunnelRequest.decode(bytes) : { message: { $case: 'data', value } };
}

function encodeData(tag: number, data: Uint8Array, within?: Buffer): Buffer {
  const space = HEAD_BYTES_MAX + data.length;
  const out = within !== undefined && space <= within.length ? within : Buffer.allocUnsafe(space);
  out[0] = tag;
  let at = 1;
  let left = data.length;
  for (; left >= 0x80; left >>>= 7) {
    out[at] = (left & 0x7f) | 0x80;
    at += 1;
  }
  out[at] = left;
  at += 1;
  out.set(data, at);
  return out.subarray(0, at + data.length);
}

/** Undefined when the message is anything but one piece of data. */
function decodeData(tag: number, bytes: Buffer): Uint8Array | undefined {
  if (bytes[0] !== tag) return undefined;
  let length = 0;
  for (let at = 1; at < HEAD_BYTES_MAX; at += 1) {
    const byte = bytes[at];
    if (byte === undefined) return undefined;
    // Not by shifting: a length of 32 bits would be negative.
    length += (byte & 0x7f) * 2 ** (7 * (at - 1));
    if (byte < 0x80) return length === bytes.length - at - 1 ? bytes.subarray(at + 1) : undefined;
  }
  return undefined;
}
