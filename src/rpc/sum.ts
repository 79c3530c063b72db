/**
 * Sums over the bytes of a stream. What TLS protects ends at its socket: a fault in a daemon's memory, in its framing or
 * its queues, or bytes of another stream, would reach criu unseen, as the page-server protocol has no checksum. GMAC is
 * the fastest sum that OpenSSL has, several times a CRC, and it has no weak spot. Invariant: each stream has a key of its
 * own, so that nothing but its own bytes in their order fits.
 */
import { createCipheriv, randomBytes, timingSafeEqual } from 'node:crypto';
import { refused } from '../base/errors.js';
import type { StreamEnd } from '../gen/cnvm/peer/v1/peer.js';

const KEY_BYTES = 16;
const NONCE_BYTES = 12;

/** The last byte of the nonce: one key serves both directions. */
export type Direction = 'answers' | 'requests';
const NONCE_END: Readonly<Record<Direction, number>> = { answers: 1, requests: 2 };

export interface Sum {
  /** The next bytes. */
  add(data: Uint8Array): void;
  /** The last word about what was added; nothing may be added after it. */
  end(): StreamEnd;
}

export const newSumKey = (): Uint8Array => randomBytes(KEY_BYTES);

/** @throws `refused` when the key is none: what nobody can check is not moved, not even for an older peer. */
export function createSum(key: Uint8Array, direction: Direction): Sum {
  if (key.length !== KEY_BYTES)
    throw refused(
      'invalid',
      `the field "sum_key" has ${key.length} bytes, not ${KEY_BYTES}: the bulk cannot be checked`,
    );
  const nonce = Buffer.alloc(NONCE_BYTES);
  nonce[NONCE_BYTES - 1] = NONCE_END[direction];
  const mac = createCipheriv('aes-128-gcm', key, nonce);
  let bytes = 0;
  return {
    add(data) {
      bytes += data.length;
      mac.setAAD(data);
    },
    end() {
      mac.final();
      return { bytes: BigInt(bytes), sum: mac.getAuthTag() };
    },
  };
}

/** Over image files: their names belong to it. */
export function createImageSum(key: Uint8Array) {
  const sum = createSum(key, 'answers');
  return {
    ...sum,
    addChunk({ file, data }: { readonly file: string; readonly data: Uint8Array }): void {
      sum.add(Buffer.from(`${file}\0`));
      sum.add(data);
    },
  };
}

/** What is wrong with what came, by the sender's last word; undefined when it is whole and as it was sent. */
export function faultIn(sum: Sum, said: StreamEnd | undefined, what: string): Error | undefined {
  if (said === undefined) return refused('state', `${what} ended before its end was said: a part of it is missing`);
  const came = sum.end();
  if (came.bytes !== said.bytes) return refused('state', `${what} has ${said.bytes} bytes, and ${came.bytes} came`);
  const same = said.sum.length === came.sum.length && timingSafeEqual(said.sum, came.sum);
  return same ? undefined : refused('state', `${what} was changed on its way: its sum does not fit`);
}
