import assert from 'node:assert/strict';
import { PassThrough, Writable } from 'node:stream';
import { carry } from '../../../src/migration/carry.js';

describe('carrying to a program', () => {
  it('ends when the stream has ended, and the program has got all of it', async () => {
    const [from, to] = [new PassThrough(), new PassThrough()];
    const whole = carry(from, to);
    from.end('pages');
    await whole;
    const got: Uint8Array[] = [];
    for await (const chunk of to) got.push(chunk as Uint8Array);
    assert.equal(Buffer.concat(got).toString(), 'pages');
  });

  it('fails with the stream, although the program has had enough before', async () => {
    const [from, to] = [new PassThrough(), new PassThrough()];
    const whole = carry(from, to);
    from.write('pages');
    to.destroy();
    from.write('more');
    setImmediate(() => from.destroy(new Error('its sum does not fit')));
    await assert.rejects(whole, /its sum does not fit/);
  });

  it('breaks the program when the stream breaks', async () => {
    const [from, to] = [new PassThrough(), new PassThrough()];
    const whole = carry(from, to);
    from.destroy(new Error('cut'));
    await assert.rejects(whole, /cut/);
    assert.ok(to.destroyed);
  });

  it('is not done while the program is slow', async () => {
    const from = new PassThrough({ highWaterMark: 1 });
    let taken = 0;
    const to = new Writable({
      highWaterMark: 1,
      write(chunk: Uint8Array, _, done) {
        taken += chunk.length;
        setTimeout(done, 20);
      },
    });
    const whole = carry(from, to);
    for (const piece of ['one', 'two', 'three']) from.write(piece);
    from.end();
    await whole;
    assert.equal(taken, 'onetwothree'.length);
  });
});
