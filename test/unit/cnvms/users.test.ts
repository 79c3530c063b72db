import assert from 'node:assert/strict';
import { foreignOf } from '../../../src/cnvms/foreign.js';
import { createLocks } from '../../../src/cnvms/locks.js';
import { namedIds, numericIds } from '../../../src/cnvms/users.js';

describe('users of a cnvm', () => {
  it('by number', () => {
    assert.deepEqual(numericIds('1000:5'), { uid: 1000, gid: 5, groups: [], home: '/' });
    assert.equal(numericIds('1000')?.gid, 1000);
    for (const name of ['root', '1:', ':1', '-1']) assert.equal(numericIds(name), undefined);
  });
  it('by name, with their groups', () => {
    const passwd = 'root:x:0:0:root:/root:/bin/bash\nuser:x:1000:1000::/home/user:/bin/bash\n';
    const group = 'root:x:0:\nsudo:x:27:other,user\nuser:x:1000:\n';
    assert.deepEqual(namedIds('user', passwd, group), { uid: 1000, gid: 1000, groups: [27], home: '/home/user' });
    assert.equal(namedIds('nobody', passwd, group), undefined);
  });
});

describe('processes that cannot move', () => {
  it('are those that do not descend from init', () => {
    const process = (pid: number, parent: number) => ({ pid, parent, command: `c${pid}` });
    const all = [process(10, 1), process(11, 10), process(12, 11), process(20, 5), process(21, 20)];
    assert.deepEqual(
      foreignOf(10, all).map(({ pid }) => pid),
      [20, 21],
    );
  });
});

describe('locks', () => {
  it('the second is refused and told what goes on', async () => {
    const locks = createLocks();
    const release = locks.take('a', 'being moved to node2');
    assert.throws(() => locks.take('a', 'being stopped'), /a is being moved to node2/);
    locks.take('b', 'being started');
    release();
    release();
    await assert.rejects(
      locks.with('a', 'x', () => Promise.reject(new Error('failed'))),
      /failed/,
    );
    assert.equal(locks.doing('a'), undefined);
  });
});
