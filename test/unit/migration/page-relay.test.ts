import assert from 'node:assert/strict';
import { once } from 'node:events';
import { Duplex, PassThrough } from 'node:stream';
import fc from 'fast-check';
import { createPageRelay } from '../../../src/migration/page-relay.js';
import { FUZZ_TIMEOUT_MS, runs } from '../../support/fuzz.js';

/** A stream whose two directions a test holds. */
function pair(): { stream: Duplex; sent: PassThrough; reply: PassThrough } {
  const [sent, reply] = [new PassThrough(), new PassThrough()];
  const stream = Duplex.from({ readable: reply, writable: sent });
  // As a tunnel does.
  stream.on('error', () => undefined);
  return { stream, sent, reply };
}

describe('the page relay', () => {
  for (const first of ['the dump', 'the target']) {
    it(`carries both directions and counts, when ${first} comes first`, async () => {
      let counted = 0;
      const relay = createPageRelay((count) => {
        counted += count;
      });
      const [dump, target] = [pair(), pair()];
      if (first === 'the dump') relay.takePages(dump.stream);
      const done = relay.attach(target.stream);
      if (first === 'the target') relay.takePages(dump.stream);
      dump.reply.write('pages');
      assert.equal((await once(target.sent, 'data')).toString(), 'pages');
      target.reply.write('ack');
      assert.equal((await once(dump.sent, 'data')).toString(), 'ack');
      dump.reply.end();
      target.reply.end();
      assert.equal(await done, 'sent');
      assert.equal(counted, 5);
    });
  }

  it('ends when the page server has hung up, although the socket of the dump stays open', async () => {
    const relay = createPageRelay(() => undefined);
    const [dump, target] = [pair(), pair()];
    relay.takePages(dump.stream);
    const done = relay.attach(target.stream);
    dump.reply.write('pages');
    assert.equal((await once(target.sent, 'data')).toString(), 'pages');
    const ended = once(target.sent, 'end');
    target.reply.end('ack');
    assert.equal((await once(dump.sent, 'data')).toString(), 'ack');
    assert.equal(await done, 'left');
    await ended;
    relay.close();
  });

  it('takes one dump and no second', () => {
    const relay = createPageRelay(() => undefined);
    relay.takePages(pair().stream);
    assert.throws(() => relay.takePages(pair().stream), /already/);
  });

  it('breaks both when it is closed, so that criu rolls back', async () => {
    const relay = createPageRelay(() => undefined);
    const [dump, target] = [pair(), pair()];
    relay.takePages(dump.stream);
    const done = assert.rejects(relay.attach(target.stream));
    relay.close();
    assert.ok(dump.stream.destroyed && target.stream.destroyed);
    await done;
  });

  it('breaks a dump that comes when it is closed', () => {
    const relay = createPageRelay(() => undefined);
    relay.close();
    const { stream } = pair();
    relay.takePages(stream);
    assert.ok(stream.destroyed);
  });

  it('takes one target and no second', async () => {
    const relay = createPageRelay(() => undefined);
    const target = pair();
    const first = assert.rejects(relay.attach(target.stream));
    await assert.rejects(relay.attach(pair().stream), /already/);
    assert.ok(!target.stream.destroyed);
    relay.close();
    await first;
  });

  it('carries any bytes in any pieces, both ways, and counts what goes out', async () => {
    const pieces = fc.array(fc.uint8Array({ maxLength: 2_000 }), { maxLength: 20 });
    await fc.assert(
      fc.asyncProperty(pieces, pieces, async (out, back) => {
        let counted = 0;
        const relay = createPageRelay((count) => {
          counted += count;
        });
        const [dump, target] = [pair(), pair()];
        relay.takePages(dump.stream);
        const done = relay.attach(target.stream);
        const got = Promise.all([allOf(target.sent), allOf(dump.sent)]);
        for (const piece of out) dump.reply.write(piece);
        for (const piece of back) target.reply.write(piece);
        dump.reply.end();
        await done;
        target.reply.end();
        const [sent, returned] = await got;
        assert.deepEqual([sent, returned], [Buffer.concat(out), Buffer.concat(back)]);
        assert.equal(counted, sent.length);
      }),
      runs(100),
    );
  }).timeout(FUZZ_TIMEOUT_MS);
});

async function allOf(stream: PassThrough): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream) chunks.push(chunk as Uint8Array);
  return Buffer.concat(chunks);
}
