import assert from 'node:assert/strict';
import type { Standing } from '../../../src/migration/peer-port.js';
import { afterQuery } from '../../../src/migration/protocol.js';

const ask = (standing: Standing) => afterQuery({ standing, reason: 'why', epoch: 9 }, 4);

describe('what the target says of a hand-over', () => {
  it('running is running', () => assert.deepEqual(ask('running'), { kind: 'running', parts: [] }));
  it('returned comes back at the epoch it says', () =>
    assert.deepEqual(ask('returned'), { kind: 'returned', reason: 'why', epoch: 9 }));
  it('one that never took it never will', () => {
    assert.deepEqual(ask('cancelled'), { kind: 'returned', reason: 'why', epoch: 5 });
  });
  it('one that is at it is asked again', () => {
    for (const standing of ['receiving', 'activating'] as const) assert.equal(ask(standing), undefined);
  });
  it('one that has forgotten it has said nothing', () => assert.equal(ask('unknown'), undefined));
});
