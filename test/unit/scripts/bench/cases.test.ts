import assert from 'node:assert/strict';
import { CASES, caseOf } from '../../../../scripts/lib/bench/cases.js';

describe('a case of the benchmark', () => {
  it('is named by its size, rate and processes', () => {
    assert.deepEqual(caseOf('256:10:20'), { load: { mib: 256, dirtyMibPerS: 10, processes: 20 }, beside: false });
    assert.equal(caseOf('1024:0:1')?.beside, true);
    for (const wrong of ['', '0:0:1', '16:0:0', '16:0', 'x:0:1', '16:-1:1'])
      assert.equal(caseOf(wrong), undefined, wrong);
  });

  it('can be any of those that are measured without being named', () => {
    for (const { load, beside } of CASES) {
      const { mib, dirtyMibPerS, processes } = load;
      assert.deepEqual(caseOf(mib === 0 ? 'idle' : `${mib}:${dirtyMibPerS}:${processes}`), { load, beside });
    }
  });
});
