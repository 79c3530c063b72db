import assert from 'node:assert/strict';
import { restoreOptions } from '../../../src/tools/criu.js';

describe("what criu's config says for a restore", () => {
  it('names the control group of this node where version 2 stands alone, and leaves it to runc elsewhere', () => {
    assert.deepEqual(restoreOptions('/cnvm/one', true), ['cgroup-root /cnvm/one']);
    assert.deepEqual(restoreOptions('/cnvm/one', false), []);
  });
});
