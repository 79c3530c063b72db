import assert from 'node:assert/strict';
import type { Standing } from '../../../src/migration/peer-port.js';
import { afterPages, afterQuery, mayCancel, targetRecovery } from '../../../src/migration/protocol.js';

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
  it('one that runs it without its memory, or did, has taken it', () => {
    for (const standing of ['paging', 'lost'] as const) {
      assert.deepEqual(ask(standing), { kind: 'running', parts: [] });
      assert.equal(mayCancel(standing), false);
    }
  });
  it('of its memory only two words end the need for it', () => {
    const word = (standing: Standing) => afterPages({ standing, reason: '', epoch: 4 });
    assert.equal(word('running'), 'complete');
    assert.equal(word('lost'), 'lost');
    for (const standing of ['paging', 'unknown', 'receiving', 'activating', 'returned', 'cancelled'] as const)
      assert.equal(word(standing), undefined, standing);
  });
  it('what runs there without all of its memory is kept only when all has come', () => {
    assert.equal(targetRecovery('paging', true), 'keep');
    assert.equal(targetRecovery('paging', false), 'lose');
    assert.equal(targetRecovery('lost', false), 'nothing');
  });
  it('one that has forgotten it has said nothing', () => assert.equal(ask('unknown'), undefined));
});
