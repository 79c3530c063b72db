import assert from 'node:assert/strict';
import { isLeftover } from '../../../src/migration/leftover.js';
import { record } from '../../support/samples.js';

describe('what a migration left is its own to clear', () => {
  const made = (createTime: string, epoch: number) => ({ ...record, createTime, epoch });
  const { createTime } = record;

  for (const [what, current, own] of [
    ['the node knows nothing of that name', undefined, true],
    ['the node’s word is as old as the migration’s', made(createTime, 3), true],
    ['the node’s word is older', made(createTime, 2), true],
    ['it has come back since', made(createTime, 5), false],
    ['another one was made under its name', made('2026-02-02T00:00:00.000Z', 1), false],
  ] as const) {
    it(`when ${what}: ${own ? 'yes' : 'no'}`, () => {
      assert.equal(isLeftover(current, record, 3), own);
    });
  }
});
