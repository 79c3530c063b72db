import assert from 'node:assert/strict';
import { closingIn } from '../../../src/tools/closing.js';

const line = (state: string, queued: string, inode: string) =>
  `   1: 6F65640A:1F90 0100007F:D431 ${state} ${queued}:00000000 01:00000014 00000000     0        0 ${inode} 2 0000000000000000 20 4 30 10 -1`;

describe('connections that their program has closed', () => {
  it('are those that nobody holds and that have something to deliver', () => {
    const text = [
      '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode',
      line('04', '000186A0', '0'),
      line('09', '00000001', '0'),
      line('0B', '00000001', '0'),
      // A program holds it; it is open; all of it is delivered; its peer has the last word.
      line('04', '000186A0', '4711'),
      line('01', '000186A0', '0'),
      line('04', '00000000', '0'),
      line('06', '00000000', '0'),
    ].join('\n');
    assert.equal(closingIn(text), 3);
    assert.equal(closingIn(''), 0);
  });
});
