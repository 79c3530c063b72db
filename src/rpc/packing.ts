/**
 * What leaves as bulk, piece by piece as messages: plain, or each piece a zstd frame of its own, so that none ever waits
 * for a later one. Invariant: a piece that does not become smaller is sent plain.
 */
import { performance } from 'node:perf_hooks';
import { compress, decompress, init } from '@bokuweb/zstd-wasm';
import { refused } from '../base/errors.js';
import type { TunnelResponse } from '../gen/cnvm/peer/v1/peer.js';
import type { Compress } from '../migration/migration.js';
import { WINDOW_MS, worthCompressing } from './link-speed.js';

export interface Packing {
  /** A piece as a message. */
  pack(piece: Uint8Array): TunnelResponse;
  /** The link has kept the sender waiting for so long. */
  waited(ms: number): void;
}

/** The fastest: higher levels cost more than they save on links that are worth compressing for. */
const LEVEL = 1;
/** Headers and acknowledgements; zstd's own frame would make them larger. */
const WORTH_BYTES = 512;
/** A frame that says that it holds more is no frame of a peer's: each has one piece. */
const PIECE_BYTES_MAX = 64 * 1024;
const NOTHING = new Uint8Array();

const plain = (data: Uint8Array): TunnelResponse => ({ data, end: undefined, zstd: NOTHING });
let loaded: Promise<void> | undefined;

/** Afterwards frames can be made and undone; the first call takes some 100 ms, so it is made before a freeze. */
export function loadZstd(): Promise<void> {
  loaded ??= init();
  return loaded;
}

export async function openPacking(how: Compress): Promise<Packing> {
  if (how === 'none') return { pack: plain, waited: () => undefined };
  await loadZstd();
  return how === 'zstd' ? { pack: smaller, waited: () => undefined } : adaptive();
}

/** @throws `refused` when it is not a frame of at most one piece. */
export function unpack(frame: Uint8Array): Uint8Array {
  const bytes = frameBytes(frame);
  if (bytes === undefined || bytes > PIECE_BYTES_MAX)
    throw refused('invalid', `a zstd frame of ${bytes ?? 'unknown'} bytes came, above ${PIECE_BYTES_MAX}`);
  try {
    return decompress(frame, { defaultHeapSize: PIECE_BYTES_MAX });
  } catch (error) {
    throw refused('invalid', 'a zstd frame came that cannot be undone', { cause: error });
  }
}

function smaller(piece: Uint8Array): TunnelResponse {
  if (piece.length < WORTH_BYTES) return plain(piece);
  const zstd = compress(piece, LEVEL);
  return zstd.length < piece.length ? { data: NOTHING, end: undefined, zstd } : plain(piece);
}

/** Looks at the link again and again: what else goes over it changes. */
function adaptive(): Packing {
  const fresh = () => ({ from: performance.now(), waitedMs: 0, bytes: 0, wireBytes: 0 });
  let compressing = false;
  let window = fresh();
  return {
    pack(piece) {
      const ms = performance.now() - window.from;
      if (ms > WINDOW_MS) {
        compressing = worthCompressing({ ...window, ms }, compressing);
        window = fresh();
      }
      const message = compressing ? smaller(piece) : plain(piece);
      window.bytes += piece.length;
      window.wireBytes += message.data.length + message.zstd.length;
      return message;
    },
    waited(ms) {
      window.waitedMs += ms;
    },
  };
}

/** What a frame's header says that it holds (RFC 8878, 3.1.1.1); undefined when it does not say it. */
function frameBytes(frame: Uint8Array): number | undefined {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  if (view.byteLength < 5 || view.getUint32(0, true) !== MAGIC) return undefined;
  const descriptor = view.getUint8(4);
  const single = (descriptor & 0x20) !== 0;
  const at = 5 + (single ? 0 : 1) + ([0, 1, 2, 4][descriptor & 3] ?? 0);
  const sizeBytes = [single ? 1 : 0, 2, 4, 8][descriptor >> 6];
  if (sizeBytes === undefined || view.byteLength < at + sizeBytes) return undefined;
  if (sizeBytes === 1) return view.getUint8(at);
  if (sizeBytes === 2) return view.getUint16(at, true) + 256;
  return sizeBytes === 4 ? view.getUint32(at, true) : undefined;
}
const MAGIC = 0xfd2fb528;
