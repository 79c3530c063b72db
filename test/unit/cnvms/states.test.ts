import assert from 'node:assert/strict';
import type { CnvmState } from '../../../src/cnvms/cnvm.js';
import { type Act, illegal } from '../../../src/cnvms/states.js';

const ACTS: Act[] = ['start', 'stop', 'remove', 'exec', 'migrate-hot', 'migrate-cold', 'snapshot'];
/** One column an act, in that order. */
const TABLE: Record<CnvmState, string> = {
  stopped: 'yes yes yes no no yes yes',
  running: 'yes yes no yes yes yes yes',
  frozen: 'no no no no no no no',
  arriving: 'no no no no no no no',
  'in-doubt': 'no no no no no no no',
  removing: 'no no yes no no no no',
};

describe('legal moves', () => {
  for (const [state, row] of Object.entries(TABLE) as [CnvmState, string][]) {
    it(`of one that is ${state}`, () => {
      const found = ACTS.map((act) => (illegal(act, state) === undefined ? 'yes' : 'no'));
      assert.equal(found.join(' '), row);
    });
  }

  it('what is not legal has a reason', () => {
    assert.match(illegal('start', 'in-doubt') ?? '', /has not said/);
  });
});
