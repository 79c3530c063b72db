import assert from 'node:assert/strict';
import { ADDRESS, type CnvmJson, create, eventually, lab, NAME, NODES, ssh, waitForSsh } from './support.js';

describe('the life of a cnvm', () => {
  it('create, ls, inspect, stop, start, rm', async () => {
    const made = await create('node1', '--memory', '512M', '--cpus', '1.5', '--pids', '200');
    assert.deepEqual([made.state, made.address, made.owner, made.epoch], ['CNVM_STATE_RUNNING', ADDRESS, 'node1', 1]);
    assert.match(await lab.must('node1', ['cnvm', 'ls']), new RegExp(`${NAME} +${ADDRESS} +running +node1`));
    assert.equal(await ssh('node1', 'echo kept > file; cat file'), 'kept');
    await lab.must('node1', ['cnvm', 'stop', NAME]);
    assert.equal((await lab.json<CnvmJson>('node1', 'cnvm', 'inspect', NAME)).state, 'CNVM_STATE_STOPPED');
    assert.notEqual((await lab.run('node1', ['nc', '-z', '-w', '1', ADDRESS, '22'])).code, 0);
    await lab.must('node1', ['cnvm', 'stop', NAME]);
    await lab.must('node1', ['cnvm', 'start', NAME]);
    await waitForSsh('node1');
    assert.equal(await ssh('node1', 'cat file'), 'kept');
    const busy = await lab.run('node1', ['cnvm', 'rm', NAME]);
    assert.deepEqual([busy.code, /it is running/.test(busy.stderr)], [2, true]);
    await lab.must('node1', ['cnvm', 'rm', '--force', NAME]);
    assert.equal((await lab.run('node1', ['cnvm', 'inspect', NAME])).code, 2);
  });

  it('root inside is nobody outside, and cannot do what would hurt the node', async () => {
    const { pid, uidBase } = await create('node1');
    assert.equal(uidBase, (101 * 256 + 111) * 65_536);
    const status = await lab.must('node1', ['cat', `/proc/${pid}/status`]);
    assert.match(status, new RegExp(`^Uid:\\s+${uidBase}\\s`, 'm'));
    assert.match(status, /^Seccomp:\s+2$/m);
    const inside = (command: string) => lab.run('node1', ['cnvm', 'exec', NAME, '--', 'sh', '-c', command]);
    for (const command of [
      'mount -t tmpfs x /mnt',
      'echo 1 > /proc/sys/kernel/panic',
      'mknod /dev/sda b 8 0',
      'date -s 2001-01-01',
      'ip link add x type veth',
    ]) {
      assert.notEqual((await inside(command)).code, 0, command);
    }
    assert.equal((await inside('cat /proc/kcore | head -c 1 | wc -c')).stdout.trim(), '0');
    const devices = ['/dev/null', '/dev/zero', '/dev/tty'];
    await inside(`chmod 600 ${devices.join(' ')}; chown user ${devices.join(' ')}`);
    const ofTheNode = await lab.must('node1', ['stat', '-c', '%u %a', ...devices]);
    assert.equal(ofTheNode, '0 666\n0 666\n0 666', 'neither the daemon nor a cnvm takes the node’s devices');
  });

  it('limits are the kernel’s', async () => {
    await create('node1', '--memory', '128M', '--pids', '40');
    const hog = await lab.run('node1', ['cnvm', 'exec', NAME, '--', 'python3', '-c', 'x = bytearray(400 * 2**20)']);
    assert.notEqual(hog.code, 0);
    const forks = await lab.run('node1', [
      'cnvm',
      'exec',
      NAME,
      '--',
      'sh',
      '-c',
      'for i in $(seq 80); do sleep 2 & done; wait',
    ]);
    assert.match(forks.stderr, /Cannot fork|fork/);
    assert.match(await ssh('node1', 'echo alive'), /alive/);
  });

  it('is reached from every node, reaches the others and out', async () => {
    await create('node1');
    const other = await lab.json<CnvmJson>('node2', 'cnvm', 'create', 'other');
    assert.equal(other.address, '10.100.101.112');
    await waitForSsh('node3', other.address);
    for (const node of NODES) assert.equal(await ssh(node, 'hostname'), NAME);
    await ssh('node1', `ping -c 1 -W 2 ${other.address}`);
    const outside = (await lab.must('node1', ['ip', 'route', 'show', 'default'])).split(' ')[2] ?? '';
    await ssh('node1', `ping -c 1 -W 2 ${outside}`);
  });

  it('exec passes input, output, user, directory, environment, terminal and exit code', async () => {
    await create('node1');
    const exec = (...words: string[]) => lab.run('node1', ['cnvm', 'exec', ...words]);
    assert.equal((await exec(NAME, '--', 'sh', '-c', 'exit 37')).code, 37);
    assert.equal(
      (await lab.run('node1', ['cnvm', 'exec', '-i', NAME, 'wc', '-c'], 'twelve bytes')).stdout.trim(),
      '12',
    );
    const { stdout } = await exec(
      '-u',
      'user',
      '-w',
      '/tmp',
      '-e',
      'A=b c',
      NAME,
      '--',
      'sh',
      '-c',
      'id -un; id -Gn; pwd; echo "$A"',
    );
    assert.deepEqual(stdout.trim().split('\n'), ['user', 'user sudo', '/tmp', 'b c']);
    const both = await exec(NAME, '--', 'sh', '-c', 'echo out; echo err >&2');
    assert.deepEqual([both.stdout.trim(), both.stderr.trim()], ['out', 'err']);
    assert.match(
      (await exec('-t', NAME, '--', 'sh', '-c', "tty; printf '%s' it\\'s")).stdout,
      /\/dev\/pts\/\d+\s+it's/,
    );
    assert.match((await exec('-u', 'nobody-here', NAME, 'id')).stderr, /has no user "nobody-here"/);
  });

  it('logs are its syslog', async () => {
    await create('node1');
    await ssh('node1', 'logger a-word-of-mine');
    await eventually('the line in the log', async () =>
      /a-word-of-mine/.test((await lab.run('node1', ['cnvm', 'logs', NAME])).stdout),
    );
    assert.equal((await lab.must('node1', ['cnvm', 'logs', '-n', '1', NAME])).split('\n').length, 1);
  });

  it('bad orders are refused before anything changes, with every reason', async () => {
    await create('node1');
    const cases: [string[], RegExp][] = [
      [[NAME], /is taken: it runs on node1/],
      [['a', '--address', ADDRESS], /address 10.100.101.111 is taken by sneaker01/],
      [['a', '--address', '1.2.3.4'], /not in the overlay/],
      [['A_b'], /is not a name/],
      [['a', '--image', 'nope'], /no image "nope" here; there is: base/],
      [['a', '--landing', '/etc'], /not in a landing zone/],
      [['a', '--memory', 'lots'], /no size/],
    ];
    for (const [order, expected] of cases) {
      const { code, stderr } = await lab.run('node2', ['cnvm', 'create', ...order]);
      assert.equal(code, 2, order.join(' '));
      assert.match(stderr, expected);
    }
    assert.equal((await lab.json<CnvmJson[]>('node2', 'cnvm', 'ls')).length, 0);
  });

  it('is not made, and not taken, where its root could not get to its disk', async () => {
    await lab.must('node2', ['chmod', '700', '/home/cnvm']);
    try {
      const refused = await lab.run('node2', ['cnvm', 'create', NAME]);
      assert.equal(refused.code, 2, refused.stderr);
      assert.match(refused.stderr, /may not pass through \/home\/cnvm[\s\S]*chmod o\+x \/home\/cnvm/);
      const { code, stdout } = await lab.run('node2', ['cnvm', 'node']);
      assert.equal(code, 1);
      assert.match(stdout, /landing.*may not pass through \/home\/cnvm/);
      await create('node1');
      const moved = await lab.run('node1', ['teleport', NAME, 'node2']);
      assert.notEqual(moved.code, 0);
      assert.match(moved.stderr, /may not pass through \/home\/cnvm/);
    } finally {
      await lab.must('node2', ['chmod', '755', '/home/cnvm']);
    }
    await lab.must('node1', ['teleport', NAME, 'node2']);
  });

  it('has no mount of what has started the daemon, and so can go where that is not', async () => {
    const RUN = '/etc/service/cnvmd/run';
    const restarted = async (script: string) => {
      await lab.must('node1', ['sed', '-i', script, RUN]);
      await lab.must('node1', ['sv', '-w', '20', 'restart', 'cnvmd']);
      await eventually('the daemon', async () => (await lab.run('node1', ['cnvm', 'ls'])).code === 0);
    };
    await restarted('s/^exec /exec env NOTIFY_SOCKET=\\/run\\/notify /');
    try {
      await create('node1');
      const mounts = await lab.must('node1', ['cnvm', 'exec', NAME, '--', 'cat', '/proc/self/mountinfo']);
      assert.doesNotMatch(mounts, /notify/);
      await lab.must('node1', ['teleport', NAME, 'node2']);
    } finally {
      await restarted('s/^exec env [^ ]* /exec /');
    }
  });

  it('outlives its daemon, which finds it again', async () => {
    const { pid } = await create('node1');
    await lab.must('node1', ['sv', '-w', '20', 'restart', 'cnvmd']);
    await eventually('the daemon', async () => (await lab.run('node1', ['cnvm', 'ls'])).code === 0);
    const found = await lab.json<CnvmJson>('node1', 'cnvm', 'inspect', NAME);
    assert.deepEqual([found.state, found.pid], ['CNVM_STATE_RUNNING', pid]);
    await lab.must('node1', ['sh', '-c', 'kill -9 $(cat /run/runit-cnvmd/pid)']);
    await eventually('the daemon', async () => (await lab.run('node1', ['cnvm', 'ls'])).code === 0);
    assert.equal((await lab.json<CnvmJson>('node1', 'cnvm', 'inspect', NAME)).pid, pid);
    assert.equal(await ssh('node2', 'echo well'), 'well');
  });
});
