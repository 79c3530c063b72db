/**
 * What the source answers in the place of the target's page server. For each process criu asks whether there are earlier
 * pages of it at the other end, and waits, with everything frozen, for a round trip; in a dump that builds on nothing there
 * are none, and the source knows it. Invariant: the target's own answers, when they come, were the same, or the stream breaks;
 * all else goes through as it came.
 */
import { refused } from '../base/errors.js';
import { headerBytes, type Layout, spanOf } from './page-words.js';

export interface EarlyAnswers {
  /** Looks at what the dump says next. @returns what it is to be answered at once. */
  fromDump(chunk: Uint8Array): Uint8Array;
  /** @returns what of the target's next words the dump is still to hear. @throws `refused` when it says another thing. */
  fromTarget(chunk: Uint8Array): Uint8Array;
}

/** To "is there a parent": none. */
const NO = 0;

export function createEarlyAnswers(layout: Layout): EarlyAnswers {
  const header = Buffer.alloc(headerBytes(layout));
  /** Of the header that is coming. */
  let have = 0;
  /** Of pages that are coming. */
  let skip = 0;
  /** Said by us, and not yet by the target. */
  let owed = 0;
  /** From a word on that is not known here, nothing is answered. */
  let silent = false;

  return {
    fromDump(chunk) {
      let asked = 0;
      let at = 0;
      while (at < chunk.length && !silent) {
        if (skip > 0) {
          const taken = Math.min(skip, chunk.length - at);
          skip -= taken;
          at += taken;
          continue;
        }
        const taken = Math.min(header.length - have, chunk.length - at);
        header.set(chunk.subarray(at, at + taken), have);
        have += taken;
        at += taken;
        if (have < header.length) break;
        have = 0;
        const span = spanOf(header, layout);
        if (span === undefined) silent = true;
        else if (span === 'asks') asked += 1;
        else skip = span;
      }
      owed += asked;
      return new Uint8Array(asked).fill(NO);
    },
    fromTarget(chunk) {
      const answers = chunk.subarray(0, owed);
      if (answers.some((answer) => answer !== NO)) throw refused('invalid', 'the target has pages that it cannot have');
      owed -= answers.length;
      return chunk.subarray(answers.length);
    },
  };
}
