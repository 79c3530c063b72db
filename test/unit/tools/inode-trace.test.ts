import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { readNews } from '../../../src/tools/inode-trace.js';

const MARKED = 'ext4_mark_inode_dirty: dev 254,0 ino 12 caller ext4_dirty_inode+0x57/0x90\n';
const BEGUN = 'ext4_journal_start_inode: dev 254,0 blocks 2, rsv_blocks 0, revoke_creds 8, type 1, ino 345, caller x\n';

describe('what a trace tells', () => {
  function reader() {
    const stdout = new PassThrough();
    let end: () => void = () => undefined;
    const ended = new Promise<number>((resolve) => {
      end = () => resolve(0);
    });
    return { stdout, end, news: readNews({ stdout, ended }) };
  }
  const turn = () => new Promise((resolve) => setImmediate(resolve));

  it('are inodes, however it comes, and it is whole with the mark', async () => {
    const { stdout, news } = reader();
    stdout.write(MARKED.slice(0, 37));
    await turn();
    assert.deepEqual([...news.inodes], []);
    const seen = news.see('mark-1');
    stdout.write(`${MARKED.slice(37)}${BEGUN}tracing_mark_write: mar`);
    await turn();
    stdout.write('k-1\n');
    assert.equal(await seen, true);
    assert.deepEqual([...news.inodes], [12, 345]);
    const again = news.see('mark-2');
    stdout.write('tracing_mark_write: mark-2\n');
    assert.equal(await again, true);
  });

  it('is not whole any more when events were lost', async () => {
    const { stdout, news } = reader();
    stdout.write(`CPU:1 [LOST 52 EVENTS]\n${MARKED}`);
    await turn();
    assert.equal(await news.see('mark-1'), false);
  });

  it('is not whole when the mark does not come, or its reader has ended', async () => {
    const { end, news } = reader();
    assert.equal(await news.see('mark-1'), false);
    const seen = news.see('mark-2');
    end();
    assert.equal(await seen, false);
    assert.equal(await news.see('mark-3'), false);
  }).timeout(10_000);
});
