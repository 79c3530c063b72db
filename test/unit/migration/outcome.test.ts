import assert from 'node:assert/strict';
import { CnvmError, refused } from '../../../src/base/errors.js';
import { rolledBack } from '../../../src/migration/outcome.js';

describe('how a failure before the hand-over is told', () => {
  const after = { source: 'node1', name: 'one', runs: true, stuck: false, ended: false, begun: true };
  const no = refused('unavailable', 'cannot reach node2');
  const broken = new CnvmError('tool', 'rsync failed');

  for (const [what, error, change, code, words] of [
    ['a no to the offer stays what it is', no, { begun: false }, 'refused', 'cannot reach node2'],
    ['the same words later are no refusal', no, {}, 'aborted', 'cannot reach node2; one runs on node1 as before'],
    ['a program failed', broken, {}, 'aborted', 'rsync failed; one runs on node1 as before'],
    ['it was stopped', broken, { runs: false }, 'aborted', 'rsync failed; one is on node1, stopped as before'],
    [
      'it has ended',
      broken,
      { ended: true },
      'stranded',
      'rsync failed; one is on node1 and has ended: its memory is lost',
    ],
    ['it is stuck', broken, { stuck: true }, 'stranded', 'rsync failed; one is on node1 and could not be let run on'],
  ] as const) {
    it(what, () => {
      const told = rolledBack(error, { ...after, ...change });
      assert.equal(told.code, code);
      assert.equal(told.message, words);
    });
  }
});
