import assert from 'node:assert/strict';
import fc from 'fast-check';
import { TunnelRequest, TunnelResponse } from '../../../src/gen/cnvm/peer/v1/peer.js';
import {
  bulkService,
  decodeRequest,
  decodeResponse,
  encodeRequest,
  encodeResponse,
} from '../../../src/rpc/bulk-codec.js';
import { runs } from '../../support/fuzz.js';

/** Around the lengths whose length has one byte more, and above what the scratch holds. */
const sizes = fc.constantFrom(0, 1, 127, 128, 16_383, 16_384, 65_536, 524_282, 524_283, 600_000);
const end = fc.option(fc.record({ bytes: fc.bigInt(0n, 2n ** 60n), sum: fc.uint8Array({ maxLength: 16 }) }), {
  nil: undefined,
});
const zstds = fc.constantFrom(new Uint8Array(), new Uint8Array(300).fill(9));
const bytes = sizes.map((size) => new Uint8Array(size).fill(7));

describe('the bulk codec', () => {
  it('writes a response as the generated code does, and reads it back', () => {
    fc.assert(
      fc.property(bytes, end, zstds, (data, last, zstd) => {
        const message: TunnelResponse = { data, end: last, zstd };
        const mine = Buffer.from(encodeResponse(message));
        // Generated code leaves an empty field out; its tag with a length of 0 says the same.
        const read = TunnelResponse.decode(mine);
        assert.ok(Buffer.from(read.data).equals(data) && Buffer.from(read.zstd).equals(zstd));
        assert.equal(read.end?.bytes, last?.bytes);
        if (data.length > 0) assert.ok(mine.equals(TunnelResponse.encode(message).finish()));
        const back = decodeResponse(mine);
        assert.ok(Buffer.from(back.data).equals(data));
        assert.deepEqual(back.end?.bytes, last?.bytes);
      }),
      runs(100),
    );
  });

  it('writes a request as the generated code does, and reads it back', () => {
    fc.assert(
      fc.property(bytes, (value) => {
        const message: TunnelRequest = { message: { $case: 'data', value } };
        const mine = Buffer.from(encodeRequest(message));
        assert.ok(mine.equals(TunnelRequest.encode(message).finish()));
        const back = decodeRequest(mine).message;
        assert.ok(back?.$case === 'data' && Buffer.from(back.value).equals(value));
      }),
      runs(100),
    );
  });

  it('reads any bytes as the generated code does', () => {
    const read = <T>(decode: (from: Buffer) => T, from: Buffer): T | 'refused' => {
      try {
        return decode(from);
      } catch {
        return 'refused';
      }
    };
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), fc.constantFrom(0x0a, 0x12, 0x52), (some, tag) => {
        const from = Buffer.from([tag, ...some]);
        for (const [own, generated] of [
          [read(decodeResponse, from), read((b) => TunnelResponse.decode(b), from)],
          [read(decodeRequest, from), read((b) => TunnelRequest.decode(b), from)],
        ]) {
          assert.equal(plain(own), plain(generated));
        }
      }),
      runs(1_000),
    );
  });

  it('gives a view of what came, no copy', () => {
    const from = Buffer.from(
      TunnelResponse.encode({ data: Buffer.from('pages'), end: undefined, zstd: new Uint8Array() }).finish(),
    );
    assert.equal(decodeResponse(from).data.buffer, from.buffer);
    assert.equal(bulkService.tunnel.path, '/cnvm.peer.v1.BulkService/Tunnel');
  });
});

/** For a comparison: bytes of whatever kind, and numbers that JSON has not. */
function plain(message: unknown): string {
  return JSON.stringify(message, function (this: Record<string, unknown>, key, value: unknown) {
    // Before a Buffer has made itself something else.
    const own = this[key];
    if (own instanceof Uint8Array) return [...own];
    if (typeof value === 'bigint') return String(value);
    return value;
  });
}
