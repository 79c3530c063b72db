import assert from 'node:assert/strict';
import { once } from 'node:events';
import { create, eventually, lab, mend, mustTeleport, NAME, sabotage, teleport, whereIs } from './support.js';

describe('a teleport is refused, and nothing changes,', () => {
  async function assertRefused(to: string, expected: RegExp): Promise<void> {
    const { code, ended, stderr } = await teleport('node1', to);
    assert.equal(code, 2, `${ended.error}\n${stderr}`);
    assert.match(ended.error + stderr, expected);
    assert.equal(await whereIs(), 'node1');
  }

  it('to a peer that nobody knows', async () => {
    await create('node1');
    await assertRefused('node9', /no peer is called node9; the peers of node1 are: node2, node3/);
    await assertRefused('node1', /node1 is this node itself/);
  });

  it('to a landing zone that is not allowed', async () => {
    await create('node1');
    await assertRefused('node2:/etc', /\/etc is not in a landing zone of node2: \/home\/cnvm\/sneakers/);
    await assertRefused('node2:/home/cnvm/sneakers/../../root', /not in a landing zone/);
  });

  it('to a peer that is down', async () => {
    await create('node1');
    await lab.must('node2', ['sv', '-w', '20', 'stop', 'cnvmd']);
    try {
      const { code, ended } = await teleport('node1', 'node2');
      assert.equal(code, 2, ended.error);
      assert.match(ended.error, /cannot reach node2 \(172\.30\.\d+\.12:7443\)/);
    } finally {
      await lab.must('node2', ['sv', 'start', 'cnvmd']);
      await eventually('node1 to see it up', async () =>
        /node2 +up/.test((await lab.run('node1', ['cnvm', 'nodes'])).stdout),
      );
    }
    await mustTeleport('node1', 'node2');
  });

  it('to a target whose disk is too small', async () => {
    await create('node1');
    await lab.must('node1', [
      'cnvm',
      'exec',
      NAME,
      '--',
      'dd',
      'if=/dev/urandom',
      'of=/srv/big',
      'bs=1M',
      'count=48',
      'status=none',
    ]);
    await lab.must('node2', ['mount', '-t', 'tmpfs', '-o', 'size=40m', 'small', '/home/cnvm/sneakers']);
    try {
      // The daemon has a mount namespace of its own node, so it sees the small one at once.
      await assertRefused('node2', /not enough disk in \/home\/cnvm\/sneakers on node2: \d+ MiB needed, \d+ MiB free/);
    } finally {
      await lab.must('node2', ['umount', '/home/cnvm/sneakers']);
    }
  });

  it('while a command of the node runs in it', async () => {
    await create('node1');
    const exited = once(lab.start('node1', ['cnvm', 'exec', NAME, 'sleep', '60']), 'exit');
    const runs = async () => (await lab.run('node1', ['pgrep', '-fx', 'sleep 60'])).code === 0;
    await eventually('the command', runs);
    await assertRefused('node2', /a command started from the node runs in it \(sleep, process \d+\)/);
    // Its caller gives up: nobody listens to the command any more, so it ends.
    await lab.must('node1', ['pkill', '-f', 'cnvm[^ ]* exec']);
    await exited;
    await eventually('the end of the command', async () => !(await runs()));
    await mustTeleport('node1', 'node2');
  });

  it('not when the cnvm is elsewhere: its owner is asked', async () => {
    await create('node1');
    const { stdout, code, stderr } = await lab.run('node2', ['teleport', NAME, 'node1']);
    assert.equal(code, 2, stdout);
    assert.match(stderr, /node1 is this node itself/);
  });
});

describe('a disk that fills up under way', () => {
  it('rolls back', async () => {
    await create('node1');
    const write = 'dd if=/dev/urandom of=/srv/big bs=1M count=30 status=none';
    await lab.must('node1', ['cnvm', 'exec', NAME, '--', 'sh', '-c', write]);
    await lab.must('node2', ['mount', '-t', 'tmpfs', '-o', 'size=100m', 'small', '/home/cnvm/sneakers']);
    try {
      // Enough when it is asked, not when it comes: a writer of the target's own takes the space meanwhile.
      const filler = 'dd if=/dev/zero of=/home/cnvm/sneakers/filler bs=1M 2>/dev/null; exec /usr/bin/rsync "$@"';
      await sabotage('node2', 'rsync', filler);
      const { code, ended } = await teleport('node1', 'node2');
      assert.equal(code, 1, ended.error);
      assert.match(ended.error, /No space left on device.*; sneaker01.* runs on node1 as before/);
      assert.equal(await whereIs(), 'node1');
    } finally {
      await mend('node2', 'rsync');
      await lab.must('node2', ['umount', '/home/cnvm/sneakers']);
    }
    await mustTeleport('node1', 'node2');
  });
});
