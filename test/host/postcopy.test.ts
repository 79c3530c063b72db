/** Post-copy on real programs: memory that checks itself, page by page, where it runs. */
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { openShell } from '../../scripts/lib/shell-session.js';
import {
  ADDRESS,
  type CnvmJson,
  create,
  eventually,
  lab,
  mend,
  mustTeleport,
  NAME,
  sabotage,
  ssh,
  teleport,
  whereIs,
} from './support.js';

/** Where the freeze is compared; elsewhere less does, and leaves the time for what goes wrong. */
const MIB = 256;
const MIB_OF_FAULTS = 64;
const TEST_MS = 400_000;
/** Holds so many MiB of memory, no page like another, and goes through all of it again and again. What is wrong it writes to disk. */
const KEEPER = `import os, sys, time
n = int(sys.argv[1]) * 256
m = bytearray(n * 4096)
def mark(i): return (i * 2654435761 % 2**64).to_bytes(8, 'little')
for i in range(n):
    m[i*4096:i*4096+8] = mark(i)
    m[i*4096+4088:i*4096+4096] = mark(i + n)
rounds = 0
def said(text):
    with open('/srv/keeper.new', 'w') as f:
        f.write(text); f.flush(); os.fsync(f.fileno())
    os.rename('/srv/keeper.new', '/srv/keeper')
while True:
    for i in range(n):
        if m[i*4096:i*4096+8] != mark(i) or m[i*4096+4088:i*4096+4096] != mark(i + n):
            said('wrong page %d in round %d' % (i, rounds))
            os._exit(1)
    rounds += 1
    said('round %d' % rounds)
    time.sleep(0.05)
`;

const inside = async (node: string, script: string): Promise<string> =>
  await lab.must(node, ['cnvm', 'exec', NAME, '--', 'sh', '-c', script]);

/** It runs on node1 and holds its memory. */
async function keeping(mib = MIB_OF_FAULTS): Promise<void> {
  await create('node1');
  await lab.must('node1', ['cnvm', 'exec', NAME, '--', 'sh', '-c', 'cat > /srv/keeper.py'], KEEPER);
  await inside('node1', `setsid python3 /srv/keeper.py ${mib} >/dev/null 2>&1 </dev/null & true`);
  await rounds(1);
}

/** By ssh, which is there as soon as it runs. @throws when a page was wrong. */
async function roundsNow(): Promise<number> {
  const said = await ssh('node3', 'cat /srv/keeper 2>/dev/null || true');
  assert.doesNotMatch(said, /wrong/);
  return Number(/round (\d+)/.exec(said)?.[1] ?? 0);
}

/** Waits until the memory has been gone through so many more times. */
async function rounds(more: number): Promise<void> {
  const from = await roundsNow();
  await eventually('the memory to be checked', async () => (await roundsNow()) >= from + more, 180_000);
}

const diskOf = async (node: string, file: string): Promise<string> =>
  (await lab.run(node, ['sh', '-c', `cat /home/cnvm/sneakers/${NAME}/upper/srv/${file} 2>/dev/null`])).stdout;

/** A migration by post-copy that is under way: it runs on node2, and its memory still comes. */
async function under(): Promise<{ moving: ReturnType<typeof teleport> }> {
  const moving = teleport('node1', 'node2', '--post-copy');
  moving.catch(() => undefined);
  await eventually(
    'it runs on node2 without its memory',
    async () => {
      const all = await lab.json<{ phase: string; outcome: string }[]>('node2', 'cnvm', 'migrations');
      return all.some(({ phase, outcome }) => /postcopy$/i.test(phase) && /running$/i.test(outcome));
    },
    30_000,
    20,
  );
  return { moving };
}

/** What leaves node1 is slow from now on, so that there is a middle to do something in. */
async function slow(rate: string): Promise<void> {
  const script = `nft add table ip slow; nft 'add chain ip slow out { type filter hook output priority 0; }'
    nft add rule ip slow out tcp sport 7443 limit rate over ${rate} drop`;
  await lab.must('node1', ['sh', '-c', script]);
}
const quick = () => lab.run('node1', ['nft', 'delete', 'table', 'ip', 'slow']);

async function cut(): Promise<void> {
  await lab.must('node1', ['ip', 'link', 'set', 'eth0', 'down']);
}
async function heal(): Promise<void> {
  await lab.must('node1', ['ip', 'link', 'set', 'eth0', 'up']);
  await lab.run('node1', [
    'sh',
    '-c',
    'ip route add default via $(ip -4 -o addr show eth0 | sed "s/.*inet \\([0-9.]*\\)\\.[0-9]*\\/.*/\\1.1/")',
  ]);
}

describe('post-copy', function () {
  this.timeout(TEST_MS);
  afterEach(async () => {
    await quick();
    await heal();
    await mend('node2', 'criu');
  });

  it(`${MIB} MiB and an ssh session: every page is right, and the freeze is a part of stop-and-copy's`, async () => {
    await keeping(MIB);
    const shell = await openShell(lab, 'node3', ADDRESS);
    await shell.type('mine=kept-$$');
    const before = await shell.type('echo $mine $$');
    const copied = await mustTeleport('node1', 'node2');
    const followed = await mustTeleport('node2', 'node1', '--post-copy');
    await rounds(1);
    const ratio = followed.freezeMs / copied.freezeMs;
    assert.equal(await shell.type('echo $mine $$'), before);
    assert.ok(ratio < 0.9, `freeze, post-copy to stop-and-copy: ${ratio}`);
    assert.equal(await whereIs(), 'node1');
    await shell.close();
  });

  it('what it costs is said before', async () => {
    await create('node1');
    const { stdout } = await lab.run('node1', ['teleport', '--dry-run', '--post-copy', NAME, 'node2']);
    assert.match(stdout, /post-copy: once it runs at the target.*its memory is lost/);
    assert.match(await lab.must('node1', ['teleport', '--help']), /its memory is lost/);
  });

  it('a link that is cut in the middle and healed: it goes on, and every page is right', async () => {
    await keeping();
    await slow('4 mbytes/second');
    const { moving } = await under();
    await cut();
    await sleep(3_000);
    await heal();
    await quick();
    const { code, ended } = await moving;
    assert.equal(code, 0, ended.error);
    assert.equal(await whereIs(), 'node2');
    await rounds(1);
  });

  it('a restore that fails: it runs on at the source, its memory whole', async () => {
    await keeping();
    await sabotage('node2', 'criu', 'case "$*" in *swrk*) exit 1;; esac; exec /usr/sbin/criu "$@"');
    const { code, ended } = await teleport('node1', 'node2', '--post-copy');
    assert.equal(code, 1, ended.error);
    assert.match(ended.error, /runs on node1 as before/);
    await rounds(1);
    await mend('node2', 'criu');
    await mustTeleport('node1', 'node2', '--post-copy');
    await rounds(1);
  });

  it('a source daemon that is killed in the middle: the next one serves the rest', async () => {
    await keeping();
    await slow('4 mbytes/second');
    await under();
    await lab.must('node1', ['sv', 'kill', 'cnvmd']);
    await quick();
    await eventually(
      'all of it there',
      // Until the next daemon is up nobody can be asked.
      async () => (await whereIs().catch(() => '')) === 'node2' && /running/i.test(await states('node2')),
      180_000,
    );
    await rounds(1);
  });

  it('a source whose frozen copy is lost in the middle: the target says so, and no wrong page is ever read', async () => {
    await keeping();
    await slow('4 mbytes/second');
    const { moving } = await under();
    // The machine's end, as far as the target can tell: the daemon is gone, and so is what it kept frozen.
    await lab.must('node1', ['sv', 'kill', 'cnvmd']);
    await lab.must('node1', ['sh', '-c', KILL_COPY]);
    await quick();
    await moving.catch(() => undefined);
    await eventually('its end', async () => /stopped/i.test(await states('node2')), 180_000);
    assert.doesNotMatch(await diskOf('node2', 'keeper'), /wrong/);
    const { stdout } = await lab.run('node2', ['cnvm', 'migrations', '--json']);
    assert.match(stdout, /its memory was on two machines/);
  });

  it('criu’s page daemon is killed in the middle: it ends, and no wrong page is ever read', async () => {
    await keeping();
    await slow('4 mbytes/second');
    const { moving } = await under();
    await lab.must('node2', ['pkill', '-KILL', '-f', 'criu lazy-pages']);
    await quick();
    const { code, ended } = await moving;
    assert.notEqual(code, 0);
    assert.match(ended.error, /is lost: its memory was on two machines/);
    assert.doesNotMatch(await diskOf('node2', 'keeper'), /wrong/);
    await lab.must('node2', ['cnvm', 'start', NAME]);
  });
});

const states = async (node: string): Promise<string> =>
  (await lab.json<CnvmJson[]>(node, 'cnvm', 'ls')).map(({ state }) => state).join(' ');
/** Every process of the copy on node1, frozen as it is. Of this lab alone: all labs share the machine's control groups. */
const KILL_COPY = `for g in $(find /sys/fs/cgroup/freezer/cnvm-${lab.name}/node1/${NAME} /sys/fs/cgroup/cnvm-${lab.name}/node1/${NAME} -type d); do
  for p in $(cat $g/cgroup.procs); do [ "$p" -gt 1 ] && kill -KILL $p; done
  echo THAWED > $g/freezer.state; echo 0 > $g/cgroup.freeze; done 2>/dev/null; true`;
