import assert from 'node:assert/strict';
import fc from 'fast-check';
import { createEarlyAnswers } from '../../../src/migration/early-answers.js';
import { headerBytes, type Layout } from '../../../src/migration/page-words.js';
import { runs } from '../../support/fuzz.js';

const [PAGES, HOLE, OPEN, ADD, PRESENT, CLOSE] = [1, 2, 4, 6, 4 << 16, 0x1023];
const LAYOUTS: Layout[] = ['narrow', 'wide'];

function word(layout: Layout, command: number, pages = 0): Buffer {
  const header = Buffer.alloc(headerBytes(layout));
  header.writeUInt32LE(command, 0);
  if (layout === 'wide') header.writeBigUInt64LE(BigInt(pages), 8);
  else header.writeUInt32LE(pages, 4);
  // Pages whose every word looks like a question.
  const follow = command === PAGES || command === (ADD | PRESENT) ? Buffer.alloc(pages * 4096, OPEN) : Buffer.alloc(0);
  return Buffer.concat([header, follow]);
}

/** @returns how many questions were answered. */
function asked(layout: Layout, bytes: Buffer, pieceBytes: number): number {
  const early = createEarlyAnswers(layout);
  let count = 0;
  for (let at = 0; at < bytes.length; at += pieceBytes) {
    const answers = early.fromDump(bytes.subarray(at, at + pieceBytes));
    assert.ok(answers.every((answer) => answer === 0));
    count += answers.length;
  }
  return count;
}

describe('early answers', () => {
  for (const layout of LAYOUTS) {
    it(`are given for each process and for nothing else, however the words are cut (${layout})`, () => {
      const words = fc.oneof(
        fc.constant([OPEN, 0] as const),
        fc.tuple(fc.constantFrom(PAGES, ADD | PRESENT, HOLE, ADD), fc.integer({ min: 1, max: 4 })),
      );
      fc.assert(
        fc.property(fc.array(words, { maxLength: 12 }), fc.integer({ min: 1, max: 9_000 }), (said, pieceBytes) => {
          const bytes = Buffer.concat(said.map(([command, pages]) => word(layout, command, pages)));
          assert.equal(asked(layout, bytes, pieceBytes), said.filter(([command]) => command === OPEN).length);
        }),
        runs(200),
      );
    });
  }

  it('are given no more from a word on that is not known, or is the last', () => {
    for (const last of [CLOSE, 5, 99]) {
      const bytes = Buffer.concat([word('wide', OPEN), word('wide', last), word('wide', OPEN)]);
      assert.equal(asked('wide', bytes, 1_000), 1);
    }
  });

  it('are kept from the dump when the target gives them, too, and what else it says is not', () => {
    const early = createEarlyAnswers('wide');
    early.fromDump(word('wide', OPEN));
    early.fromDump(word('wide', OPEN));
    assert.deepEqual([...early.fromTarget(Buffer.from([0]))], []);
    assert.deepEqual([...early.fromTarget(Buffer.from([0, 7, 8]))], [7, 8]);
    assert.deepEqual([...early.fromTarget(Buffer.from([0, 1]))], [0, 1]);
  });

  it('that the target contradicts break the stream', () => {
    const early = createEarlyAnswers('wide');
    early.fromDump(word('wide', OPEN));
    assert.throws(() => early.fromTarget(Buffer.from([1])), /pages that it cannot have/);
  });
});
