import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { ride } from './ride.js';
import { type CnvmJson, create, eventually, lab, mustTeleport, NAME, ssh, teleport, waitForSsh } from './support.js';
import { checkZoo, startZoo } from './zoo.js';

describe('a teleport', () => {
  it('there and back, twice, with an ssh session and a stream', async () => {
    const last = await ride(['node1', 'node2', 'node1', 'node2', 'node1'], 'node3');
    assert.ok(last > 100);
  });

  it('carries a zoo of processes', async () => {
    await create('node1');
    await startZoo('node1');
    const before = await checkZoo('node1');
    const services = (node: string) =>
      lab.must(node, ['cnvm', 'exec', NAME, '--', 'pgrep', '-a', 'cnvm-init|cron|syslogd|sshd|keeper']);
    const servicesBefore = await services('node1');
    await mustTeleport('node1', 'node2');
    assert.deepEqual(await checkZoo('node2'), before);
    await mustTeleport('node2', 'node3');
    // A supervisor that looks at its services now and then has looked: it must not take the moved disk for a new one.
    await sleep(6_000);
    assert.deepEqual(await checkZoo('node3'), before);
    assert.equal(await services('node3'), servicesBefore);
    await ssh('node1', 'logger after-the-move');
    await eventually('the log', async () =>
      /after-the-move/.test((await lab.run('node3', ['cnvm', 'logs', NAME])).stdout),
    );
  });

  it('carries on what was begun in it by a command after a move, with the clocks of all the rest', async () => {
    await create('node1');
    await mustTeleport('node1', 'node2');
    const inside = (node: string, script: string) => lab.must(node, ['cnvm', 'exec', NAME, '--', 'sh', '-c', script]);
    const [init, own] = (await inside('node2', 'readlink /proc/1/ns/time /proc/self/ns/time')).trim().split('\n');
    assert.equal(own, init);
    await inside('node2', 'sleep 987654 >/dev/null 2>&1 </dev/null &');
    await mustTeleport('node2', 'node1');
    assert.match(await inside('node1', 'ps -e -o args='), /sleep 987654/);
    assert.equal((await lab.run('node1', ['cnvm', 'exec', NAME, '--', 'sh', '-c', 'exit 7'])).code, 7);
  });

  it('carries the disk: owners, modes, links, holes, attributes, what was deleted', async () => {
    await create('node1');
    const inside = (node: string, script: string) => lab.must(node, ['cnvm', 'exec', NAME, '--', 'sh', '-ec', script]);
    await inside(
      'node1',
      `cd /srv; echo a > plain; ln plain hard; ln -s /etc/passwd soft; chown user:nogroup plain; chmod 4750 plain
       truncate -s 64M hole; mkfifo pipe; mkdir -p d/e; echo deep > d/e/f; touch -d 2001-02-03 d; rm /etc/nanorc; echo new > /etc/fresh`,
    );
    const look = `cd /srv; stat -c '%n %U:%G %a %h %s %Y %F' plain hard soft hole pipe d d/e/f; du -k hole | cut -f1; readlink soft
      cat d/e/f /etc/fresh; test ! -e /etc/nanorc && echo gone`;
    const before = await inside('node1', look);
    await mustTeleport('node1', 'node2');
    assert.equal(await inside('node2', look), before);
    assert.match(before, /gone$/);
  });

  it('carries the files that are in memory alone, and they count as its memory there too', async () => {
    await lab.must('node1', ['cnvm', 'create', NAME, '--memory', '256M']);
    const inside = (node: string, script: string) => lab.must(node, ['cnvm', 'exec', NAME, '--', 'sh', '-ec', script]);
    // One that is open has lost its name, one of two: criu makes it a name of its own while it dumps.
    const holder = `open(A, "+>", "/run/nameless"); unlink "/run/nameless"; syswrite A, "nameless";
      open(B, "+>", "/dev/shm/one"); link "/dev/shm/one", "/dev/shm/two"; unlink "/dev/shm/one"; syswrite B, "two names";
      open(C, "+>", "/srv/one"); link "/srv/one", "/srv/two"; unlink "/srv/one"; syswrite C, "names on the disk"; sleep 1 while 1`;
    await inside(
      'node1',
      `cd /run; echo a > plain; chown user:nogroup plain; chmod 4750 plain; ln plain hard; mkfifo pipe; ln -s plain soft
       truncate -s 8M hole; setfacl -m u:user:r plain || true; head -c 100M /dev/urandom > /dev/shm/big
       setsid perl -e '${holder}' < /dev/null > /dev/null 2>&1 & echo $! > /run/holder; sleep 0.5`,
    );
    const look = `cd /run; stat -c '%n %U:%G %a %h %s %Y %F' plain hard soft hole pipe /dev/shm/two /srv/two; du -k hole | cut -f1
      cd /proc/$(cat holder)/fd; for file in *; do readlink $file; cat < $file 2> /dev/null || true; done | grep -a name | head -c 200; ls /srv
      sha256sum /dev/shm/big; ls /dev/shm /run /dev; grep -c . /proc/mounts`;
    const before = await inside('node1', look);
    assert.match(before, /two names[\s\S]*names on the disk/);
    for (const [from, to] of [
      ['node1', 'node2'],
      ['node2', 'node3'],
    ] as const) {
      await mustTeleport(from, to);
      assert.equal(await inside(to, look), before);
    }
    const more = await lab.run('node3', [
      'cnvm',
      'exec',
      NAME,
      '--',
      'sh',
      '-c',
      'head -c 200M /dev/zero > /dev/shm/more',
    ]);
    assert.notEqual(more.code, 0, 'more than its limit went into its memory');
    await lab.must('node3', ['cnvm', 'stop', NAME]);
    await lab.must('node3', ['cnvm', 'start', NAME]);
    assert.equal((await inside('node3', 'ls /dev/shm | wc -l')).trim(), '0');
  });

  it('cold: stopped, moved, started', async () => {
    await create('node1');
    await ssh('node1', 'echo kept > file');
    await lab.must('node1', ['cnvm', 'stop', NAME]);
    await mustTeleport('node1', 'node2');
    assert.equal((await lab.json<CnvmJson>('node2', 'cnvm', 'inspect', NAME)).state, 'CNVM_STATE_STOPPED');
    await lab.must('node2', ['cnvm', 'start', NAME]);
    await waitForSsh('node1');
    await mustTeleport('node2', 'node3', '--cold');
    await waitForSsh('node1');
    assert.equal(await ssh('node1', 'cat file'), 'kept');
  });

  it('is found by the name, the address and the overlay address of its target', async () => {
    await create('node1');
    const address =
      (await lab.must('node2', ['hostname', '-I'])).split(' ').find((one) => one.startsWith('172.')) ?? '';
    await mustTeleport('node1', address);
    await mustTeleport('node2', '10.100.0.1:/home/cnvm/sneakers/deeper');
    assert.match(
      (await lab.json<CnvmJson>('node1', 'cnvm', 'inspect', NAME)).directory,
      /^\/home\/cnvm\/sneakers\/deeper\//,
    );
    await lab.must('node1', ['cnvm', 'rm', '--force', NAME]);
    await lab.must('node1', ['rmdir', '/home/cnvm/sneakers/deeper']);
  });

  it('a dry run changes nothing and gives every reason', async () => {
    const { pid } = await create('node1');
    const { stdout } = await lab.run('node1', ['teleport', '--dry-run', NAME, 'node2']);
    assert.match(stdout, /it would go/);
    const no = await lab.run('node1', ['teleport', '--dry-run', NAME, 'node2:/etc']);
    assert.deepEqual([no.code, /no: \/etc is not in a landing zone of node2/.test(no.stdout)], [2, true]);
    const found = await lab.json<CnvmJson>('node1', 'cnvm', 'inspect', NAME);
    assert.deepEqual([found.pid, found.epoch], [pid, 1]);
  });

  it('says on a terminal what it does, and how it ended', async () => {
    await create('node1');
    const line = `teleport ${NAME} cnvm@node2:/home/cnvm/sneakers`;
    const screen = await lab.must('node1', ['script', '-q', '-e', '-c', line, '/dev/null']);
    assert.match(screen, /\[o\] node2 takes it in \/home\/cnvm\/sneakers/);
    assert.match(screen, /\[>\] /);
    assert.match(screen, /runs on node2: frozen [\d.]+ m?s /);
    assert.match(await lab.must('node1', ['cnvm', 'migrations']), new RegExp(`${NAME} +node1 +node2 +succeeded`));
  });

  it('the second of two at once is refused, and the first goes on', async () => {
    await create('node1');
    const [one, two] = await Promise.all([teleport('node1', 'node2'), teleport('node1', 'node3')]);
    const [won, lost] = one.code === 0 ? [one, two] : [two, one];
    assert.equal(won.code, 0, won.ended.error);
    assert.equal(lost.code, 2);
    assert.match(lost.ended.error, /being moved to|is not on node1/);
  });
});
