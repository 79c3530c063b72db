import assert from 'node:assert/strict';
import { Duplex, PassThrough, type Readable } from 'node:stream';
import fc from 'fast-check';
import { createThrottle, throttled } from '../../../src/migration/throttle.js';
import { fullBucket, sliceBytes, take } from '../../../src/migration/token-bucket.js';
import { runs } from '../../support/fuzz.js';

describe('a rate limit', () => {
  it('lets its rate through within 10 %, however late the timers are', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1_000, max: 10 ** 10 }),
        fc.array(fc.double({ min: 0, max: 40, noNaN: true }), { minLength: 200, maxLength: 300 }),
        (rate, lateMs) => {
          let bucket = fullBucket(rate, 0);
          let nowMs = 0;
          let bytes = 0;
          for (const late of lateMs) {
            const count = sliceBytes(rate);
            const taken = take(bucket, count, nowMs);
            ({ bucket } = taken);
            if (taken.waitMs > 0) nowMs += taken.waitMs + late;
            bytes += count;
          }
          const ratio = bytes / (nowMs / 1000) / rate;
          assert.ok(ratio > 0.9 && ratio < 1.1, `${ratio}`);
        },
      ),
      runs(200),
    );
  });

  it('saves nothing up in a long pause but a short burst', () => {
    const { waitMs } = take(fullBucket(1_000_000, 0), 1_000_000, 3_600_000);
    assert.equal(waitMs, 900);
  });

  it('moves often, however low it is', () => {
    assert.equal(sliceBytes(1_000), 50);
    assert.equal(sliceBytes(1), 1);
  });
});

describe('a stream with a rate limit', () => {
  it('carries both ways, ends as the other ends, and makes who writes wait', async () => {
    const [sent, reply] = [new PassThrough(), new PassThrough()];
    const inner = Duplex.from({ readable: reply, writable: sent });
    let moved = 0;
    const stream = throttled(inner, createThrottle(200_000), () => {
      moved += 1;
    });
    const from = performance.now();
    stream.end(Buffer.alloc(60_000, 7));
    reply.end('ack');
    const [got, answer] = await Promise.all([allOf(sent), allOf(stream)]);
    const ratio = got.length / ((performance.now() - from) / 1000) / 200_000;
    assert.ok(got.equals(Buffer.alloc(60_000, 7)) && answer.toString() === 'ack');
    assert.ok(ratio > 0.7 && ratio < 1.1, `${ratio} of the rate`);
    assert.equal(moved, 6);
  });

  it('holds no more than one piece', () => {
    const stuck = new PassThrough({ highWaterMark: 1 });
    const stream = throttled(stuck, createThrottle(1_000), () => undefined);
    assert.equal(stream.write(Buffer.alloc(10)), false);
    stream.destroy();
    assert.ok(stuck.destroyed);
  });
});

/** Not by its iterator: that would destroy a stream whose other direction goes on. */
async function allOf(stream: Readable): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  stream.on('data', (chunk: Uint8Array) => chunks.push(chunk));
  await new Promise((resolve) => stream.once('end', resolve));
  return Buffer.concat(chunks);
}
